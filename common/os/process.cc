#include "common/os/process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

absl::StatusOr<std::string> BootId() {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/sys/kernel/random/boot_id"));
  return std::string(absl::StripTrailingAsciiWhitespace(text));
}

// The start time follows the command name, which may hold blanks and ')'.
absl::StatusOr<std::uint64_t> StartTicks(pid_t pid) {
  BANGER_ASSIGN_OR_RETURN(const std::string stat, ReadFile(absl::StrCat("/proc/", pid, "/stat")));
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return absl::InternalError(absl::StrCat("parse /proc/", pid, "/stat"));
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(name_end + 2), ' ');
  constexpr std::size_t kStartTime = 22 - 3;  // the first field here is number 3
  std::uint64_t ticks = 0;
  if (fields.size() <= kStartTime || !absl::SimpleAtoi(fields[kStartTime], &ticks))
    return absl::InternalError(absl::StrCat("parse /proc/", pid, "/stat"));
  if (fields[0] == "Z" || fields[0] == "X")
    return absl::NotFoundError(absl::StrCat("process ", pid, " has ended"));
  return ticks;
}

}  // namespace

absl::StatusOr<ProcessIdentity> IdentifyProcess(pid_t pid) {
  BANGER_ASSIGN_OR_RETURN(const std::uint64_t ticks, StartTicks(pid));
  BANGER_ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  return ProcessIdentity{.pid = pid, .start_ticks = ticks, .boot_id = boot_id};
}

absl::StatusOr<UniqueFd> OpenProcess(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return absl::NotFoundError("no process recorded");
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0)));
  if (!fd.valid()) {
    if (errno == ESRCH) return absl::NotFoundError(absl::StrCat("process ", identity.pid, " has ended"));
    return ErrnoError(errno, absl::StrCat("open process ", identity.pid));
  }
  // The descriptor pins the number from here on, so this answer stays true.
  BANGER_ASSIGN_OR_RETURN(const ProcessIdentity now, IdentifyProcess(identity.pid));
  if (now != identity)
    return absl::NotFoundError(absl::StrCat("process ", identity.pid, " is now another one"));
  return fd;
}

absl::Status SignalProcess(int pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0) return absl::OkStatus();
  if (errno == ESRCH) return absl::NotFoundError("the process has ended");
  return ErrnoError(errno, absl::StrCat("send signal ", signal));
}

bool WaitForProcessEnd(int pidfd, std::chrono::milliseconds timeout, const std::stop_token& stop) {
  const UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  const std::stop_callback on_stop(stop, [&wake] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(wake.get(), &one, sizeof one);
  });
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd fds[] = {{pidfd, POLLIN, 0}, {wake.get(), POLLIN, 0}};
    const int n = ::poll(fds, 2, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (n < 0 && errno == EINTR) continue;
    return n > 0 && (fds[0].revents & POLLIN) != 0;
  }
}

}  // namespace banger
