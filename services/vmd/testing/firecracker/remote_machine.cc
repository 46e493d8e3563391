#include "services/vmd/testing/firecracker/remote_machine.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/unix_socket.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/qemu_migration.h"
#include "services/vmd/testing/firecracker/vsock_bridge.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr int kKvmTimeoutMs = 20'000;

}  // namespace

absl::StatusOr<std::string> ReadLine(int socket) {
  std::string line;
  for (char byte = 0; line.size() < (1 << 20); line.push_back(byte)) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t n, ReadFully(socket, &byte, 1));
    if (n == 0) return absl::UnavailableError("the other end has gone");
    if (byte == '\n') return line;
  }
  return absl::OutOfRangeError("a line without end");
}

absl::StatusOr<std::unique_ptr<RemoteMachine>> RemoteMachine::Listen(const std::filesystem::path& directory) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(directory / kKvmSocket, 0600));
  return std::unique_ptr<RemoteMachine>(new RemoteMachine(directory / kKvmSocket, std::move(listener)));
}

absl::Status RemoteMachine::OpenVsock(const std::filesystem::path& socket) {
  BANGER_ASSIGN_OR_RETURN(vsock_, vmd::OpenVsock(socket));
  return absl::OkStatus();
}

absl::Status RemoteMachine::Start(const json& parts, std::function<void()> on_reset) {
  pollfd coming{listener_.get(), POLLIN, 0};
  if (::poll(&coming, 1, kKvmTimeoutMs) != 1) return absl::UnavailableError("fake-kvm does not run");
  UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::filesystem::remove(socket_);
  int fds[2];
  if (!connection.valid() || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    return ErrnoError(errno, "make sockets");
  UniqueFd ours(fds[0]);
  const UniqueFd theirs(fds[1]);
  for (const int fd : {STDOUT_FILENO, theirs.get()})
    BANGER_RETURN_IF_ERROR(SendDescriptor(connection.get(), fd));
  BANGER_RETURN_IF_ERROR(WriteFully(connection.get(), parts.dump() + "\n"));
  BANGER_ASSIGN_OR_RETURN(const std::string problem, ReadLine(connection.get()));
  if (!problem.empty()) return absl::InternalError(problem);
  connection_ = std::move(connection);
  if (vsock_.valid()) ServeVsock(std::move(vsock_), connection_.get());
  qmp_ = std::make_unique<QmpClient>(
      std::move(ours), [on_reset = std::move(on_reset)](const std::string& event, const json& data) {
        if (event == "SHUTDOWN" && data.value("reason", "") == "guest-reset") on_reset();
      });
  return qmp_->Execute("query-status", 60s).status();
}

absl::Status RemoteMachine::Save(int file) { return SaveState(*qmp_, file, {}); }

absl::Status RemoteMachine::Load(int file) { return LoadState(*qmp_, file); }

absl::Status RemoteMachine::SetRunning(bool runs) {
  return qmp_->Execute(runs ? "cont" : "stop", 5s).status();
}

absl::Status RemoteMachine::PressCtrlAltDel() {
  const auto key = [](const char* name) { return json{{"type", "qcode"}, {"data", name}}; };
  return qmp_->Execute("send-key", 5s, {{"keys", {key("ctrl"), key("alt"), key("delete")}}}).status();
}

}  // namespace banger::vmd
