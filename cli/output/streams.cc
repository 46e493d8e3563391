#include "cli/output/streams.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "cli/output/text.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

absl::Status WriteTo(int fd, absl::string_view data, const char* what) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n >= 0) {
      data.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      // Whoever shares the descriptor made it non-blocking.
      pollfd writable{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&writable, 1, -1);
    } else if (errno == EPIPE) {
      return BrokenPipe();
    } else if (errno != EINTR) {
      return ErrnoError(errno, absl::StrCat("write to ", what));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteStdout(absl::string_view data) { return WriteTo(STDOUT_FILENO, data, "standard output"); }

absl::Status WriteStderr(absl::string_view data) { return WriteTo(STDERR_FILENO, data, "standard error"); }

void Note(absl::string_view line) { WriteStderr(absl::StrCat(line, "\n")).IgnoreError(); }

void Warn(absl::string_view line) {
  Note(absl::StrCat(Paint("warning:", Color::kYellow, ColorStderr()), " ", line));
}

bool ColorStderr() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string(term) == "dumb";
  return ::isatty(STDERR_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') && !dumb;
}

}  // namespace banger::cli
