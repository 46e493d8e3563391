#include "cli/typed.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

constexpr std::size_t kMax = 64 << 10;

}  // namespace

absl::StatusOr<std::string> ReadTyped(int fd, bool one_line, const std::string& what,
                                      const std::stop_token& stop) {
  const UniqueFd stopped(::eventfd(0, EFD_CLOEXEC));
  const std::stop_callback wake(stop, [&stopped] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stopped.get(), &one, sizeof one);
  });
  std::string text;
  for (;;) {
    pollfd fds[] = {{fd, POLLIN, 0}, {stopped.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return ErrnoError(errno, absl::StrCat("wait for ", what));
    if (stop.stop_requested()) return absl::CancelledError("interrupted");
    if (fds[0].revents == 0) continue;
    char buffer[4096];
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, absl::StrCat("read ", what));
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > kMax) return absl::InvalidArgumentError(absl::StrCat(what, " is too long"));
    if (count == 0 || (one_line && text.find('\n') != std::string::npos)) break;
  }
  if (one_line) text = text.substr(0, text.find('\n'));
  return std::string(absl::StripSuffix(absl::StripSuffix(text, "\n"), "\r"));
}

absl::StatusOr<bool> Confirm(const std::string& question, const std::stop_token& stop) {
  const absl::StatusOr<UniqueFd> terminal = OpenFile("/dev/tty", O_RDWR | O_NOCTTY);
  if (!terminal.ok()) return absl::FailedPreconditionError("there is no terminal to ask at");
  BANGER_RETURN_IF_ERROR(WriteFully(terminal->get(), absl::StrCat(question, " [y/N] ")));
  BANGER_ASSIGN_OR_RETURN(const std::string typed,
                          ReadTyped(terminal->get(), /*one_line=*/true, "the answer", stop));
  const std::string answer = absl::AsciiStrToLower(absl::StripAsciiWhitespace(typed));
  return answer == "y" || answer == "yes";
}

}  // namespace banger::cli
