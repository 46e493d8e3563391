// fake-kvm RUN_DIR: runs the machines of the doubles of Firecracker
// whose sockets are below RUN_DIR; see README.md.
#include <poll.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/unix_socket.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/tsc.h"
#include "services/vmd/testing/firecracker/emulated_machine.h"
#include "services/vmd/testing/firecracker/remote_machine.h"
#include "services/vmd/testing/firecracker/vsock_bridge.h"

namespace banger::vmd {
namespace {

using nlohmann::json;

// How often new doubles are looked for.
constexpr int kIntervalMs = 5;

// A double that has been told of us; `machine` runs once it has asked.
struct Served {
  UniqueFd connection;
  std::filesystem::path port;  // where the machine takes connections to the agent
  bool runs = false;
  EmulatedMachine machine;
};

class FakeKvm {
 public:
  explicit FakeKvm(std::filesystem::path run_dir) : run_dir_(std::move(run_dir)) {}

  [[noreturn]] void Run() {
    for (;;) {
      LookForDoubles();
      std::vector<pollfd> fds;
      for (const auto& served : served_) {
        fds.push_back({served->connection.get(), POLLIN, 0});
        fds.push_back({served->machine.process(), POLLIN, 0});
      }
      ::poll(fds.data(), fds.size(), kIntervalMs);
      for (std::size_t i = served_.size(); i > 0; --i) {
        const pollfd& asked = fds[2 * (i - 1)];
        const bool ended = fds[2 * (i - 1) + 1].revents != 0;
        if (ended || (asked.revents != 0 && !Serve(*served_[i - 1])))
          served_.erase(served_.begin() + static_cast<std::ptrdiff_t>(i - 1));
      }
    }
  }

 private:
  // Each is met once: it takes its socket away when it has heard from us.
  void LookForDoubles() {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(run_dir_, error)) {
      const std::filesystem::path socket = entry.path() / kKvmSocket;
      const std::string key = KeyOf(socket);
      if (!std::filesystem::exists(socket, error) || met_.contains(key)) continue;
      absl::StatusOr<UniqueFd> connection = ConnectUnix(socket);
      if (!connection.ok()) continue;  // it does not listen yet
      met_.insert(key);
      served_.push_back(std::make_unique<Served>());
      served_.back()->connection = *std::move(connection);
      served_.back()->port = entry.path() / "port";
    }
  }

  static std::string KeyOf(const std::filesystem::path& socket) {
    std::error_code error;
    return absl::StrCat(socket.string(), " ",
                        std::filesystem::last_write_time(socket, error).time_since_epoch().count());
  }

  // False when the double is gone.
  bool Serve(Served& served) {
    if (served.runs) return Connect(served);
    const absl::Status started = Start(served);
    served.runs = started.ok();
    if (absl::IsUnavailable(started)) return false;
    return WriteFully(served.connection.get(), absl::StrCat(std::string(started.message()), "\n")).ok() &&
           started.ok();
  }

  static bool Connect(const Served& served) {
    absl::StatusOr<UniqueFd> connection = ReceiveDescriptor(served.connection.get());
    if (connection.ok()) CarryVsock(*std::move(connection), served.port);
    return connection.ok();
  }

  absl::Status Start(Served& served) {
    const int socket = served.connection.get();
    absl::StatusOr<UniqueFd> console = ReceiveDescriptor(socket);
    if (!console.ok()) return absl::UnavailableError("gone");
    BANGER_ASSIGN_OR_RETURN(UniqueFd qmp, ReceiveDescriptor(socket));
    BANGER_ASSIGN_OR_RETURN(UniqueFd port, ListenUnix(served.port, 0600));
    BANGER_ASSIGN_OR_RETURN(const std::string line, ReadLine(socket));
    return served.machine.Start(json::parse(line), tsc_.Khz(), *std::move(console), std::move(qmp),
                                std::move(port));
  }

  const std::filesystem::path run_dir_;
  const TscClock tsc_;
  std::set<std::string> met_;
  std::vector<std::unique_ptr<Served>> served_;
};

}  // namespace
}  // namespace banger::vmd

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fake-kvm RUN_DIR\n");
    return 2;
  }
  banger::vmd::FakeKvm(argv[1]).Run();
}
