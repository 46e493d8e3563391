#include "common/guestlink/vsock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/guestlink/relay.h"
#include "common/os/unix_socket.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::guestlink {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kTryAgain{10};
// A guest's kernel that has its driver answers at once. A request that came while it
// got it may be lost; Firecracker gives one up after two seconds by itself.
constexpr milliseconds kAnswerTimeout{5000};
constexpr std::size_t kMaxAnswer = 32;

// 0 when `until` has come; CANCELLED when stopped.
absl::StatusOr<short> Wait(int fd, Clock::time_point until, int wakeup) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    if (left <= 0) return short{0};
    pollfd fds[] = {{wakeup, POLLIN, 0}, {fd, POLLIN, 0}};
    const int n = ::poll(fds, 2, static_cast<int>(left));
    if (n < 0 && errno != EINTR) return ErrnoError(errno, "wait for the guest's vsock");
    if (n > 0 && fds[0].revents != 0) return absl::CancelledError("stopped while reaching the guest");
    if (n > 0) return fds[1].revents;
  }
}

// Byte by byte, as what follows the line is the connection's.
absl::StatusOr<std::string> ReadLine(int fd, Clock::time_point until, int wakeup) {
  std::string line;
  while (line.size() < kMaxAnswer) {
    BANGER_ASSIGN_OR_RETURN(const short ready, Wait(fd, until, wakeup));
    if (ready == 0) return std::string();
    char byte = 0;
    const ssize_t n = ::recv(fd, &byte, 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return std::string();  // nobody listens there
    if (byte == '\n') return line;
    line.push_back(byte);
  }
  return absl::InternalError("the VMM's vsock answers with something else than a line");
}

// An invalid descriptor when the guest has not taken it.
absl::StatusOr<UniqueFd> Try(const std::filesystem::path& socket, unsigned port, Clock::time_point until,
                             int wakeup) {
  // A VMM that is stopped takes nobody; that is no reason to wait at its door.
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnix(socket, milliseconds(0)));
  const std::string request = absl::StrCat("CONNECT ", port, "\n");
  const ssize_t sent = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(request.size())) return UniqueFd();
  BANGER_ASSIGN_OR_RETURN(const std::string answer, ReadLine(fd.get(), until, wakeup));
  if (answer.starts_with("OK ")) return fd;
  return UniqueFd();
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectVsock(const std::filesystem::path& socket, unsigned port,
                                      Clock::time_point deadline, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const Wakeup stopped, Wakeup::Create());
  const std::stop_callback wake(stop, [&stopped] { stopped.Wake(); });
  for (;;) {
    const auto until = std::min(deadline, Clock::now() + kAnswerTimeout);
    BANGER_ASSIGN_OR_RETURN(UniqueFd fd, Try(socket, port, until, stopped.fd()));
    if (fd.valid()) return fd;
    if (Clock::now() >= deadline) return absl::DeadlineExceededError("the guest's agent does not listen");
    BANGER_RETURN_IF_ERROR(Wait(-1, std::min(deadline, Clock::now() + kTryAgain), stopped.fd()).status());
  }
}

}  // namespace banger::guestlink
