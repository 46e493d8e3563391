#include "services/vmd/testing/firecracker/vsock_bridge.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/unix_socket.h"
#include "services/vmd/testing/firecracker/remote_machine.h"

namespace banger::vmd {
namespace {

// As the first one that Firecracker gives.
constexpr char kTaken[] = "OK 1073741824\n";

void Pump(int from, int to) {
  std::vector<char> buffer(64 << 10);
  for (;;) {
    const ssize_t n = ::read(from, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || !WriteFully(to, absl::string_view(buffer.data(), static_cast<std::size_t>(n))).ok()) break;
  }
  ::shutdown(from, SHUT_RDWR);
  ::shutdown(to, SHUT_RDWR);
}

}  // namespace

absl::StatusOr<UniqueFd> OpenVsock(const std::filesystem::path& socket) {
  std::error_code ignored;
  if (std::filesystem::exists(socket, ignored))
    return absl::AlreadyExistsError(absl::StrCat("'", socket.string(), "' is there already"));
  return ListenUnix(socket, 0600);
}

void ServeVsock(UniqueFd listener, int kvm) {
  std::thread([listener = std::move(listener), kvm] {
    for (;;) {
      const UniqueFd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.valid()) continue;
      const absl::StatusOr<std::string> request = ReadLine(client.get());
      if (request.ok() && absl::StartsWith(*request, "CONNECT ") && WriteFully(client.get(), kTaken).ok())
        SendDescriptor(kvm, client.get()).IgnoreError();
    }
  }).detach();
}

void CarryVsock(UniqueFd connection, const std::filesystem::path& port) {
  std::thread([connection = std::move(connection), port] {
    const absl::StatusOr<UniqueFd> machine = ConnectUnix(port);
    if (!machine.ok()) return;
    std::thread up([&] { Pump(connection.get(), machine->get()); });
    Pump(machine->get(), connection.get());
    up.join();
  }).detach();
}

}  // namespace banger::vmd
