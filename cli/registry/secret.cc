#include "cli/registry/secret.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <functional>

#include "absl/strings/strip.h"
#include "cli/exec/terminal.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

constexpr std::size_t kMaxSecret = 64 << 10;

// Until the end, or that of a line.
absl::StatusOr<std::string> ReadUntil(int fd, bool one_line, const std::stop_token& stop) {
  const UniqueFd stopped(::eventfd(0, EFD_CLOEXEC));
  const std::stop_callback wake(stop, [&stopped] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stopped.get(), &one, sizeof one);
  });
  std::string text;
  for (;;) {
    pollfd fds[] = {{fd, POLLIN, 0}, {stopped.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return ErrnoError(errno, "wait for the password");
    if (stop.stop_requested()) return absl::CancelledError("interrupted");
    if (fds[0].revents == 0) continue;
    char buffer[4096];
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "read the password");
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > kMaxSecret) return absl::InvalidArgumentError("the password is too long");
    if (count == 0 || (one_line && text.find('\n') != std::string::npos)) break;
  }
  if (one_line) text = text.substr(0, text.find('\n'));
  return std::string(absl::StripSuffix(absl::StripSuffix(text, "\n"), "\r"));
}

}  // namespace

absl::StatusOr<std::string> PromptSecret(const std::string& prompt, const std::stop_token& stop) {
  const absl::StatusOr<UniqueFd> terminal = OpenFile("/dev/tty", O_RDWR | O_NOCTTY);
  if (!terminal.ok()) return absl::FailedPreconditionError("there is no terminal to ask for the password at");
  BANGER_ASSIGN_OR_RETURN(const TerminalMode hidden, TerminalMode::Hidden(terminal->get()));
  BANGER_RETURN_IF_ERROR(WriteFully(terminal->get(), prompt));
  absl::StatusOr<std::string> secret = ReadUntil(terminal->get(), /*one_line=*/true, stop);
  // The user's own end of line was not shown either.
  WriteFully(terminal->get(), "\n").IgnoreError();
  return secret;
}

absl::StatusOr<std::string> ReadSecretFromStdin(const std::stop_token& stop) {
  return ReadUntil(STDIN_FILENO, /*one_line=*/false, stop);
}

}  // namespace banger::cli
