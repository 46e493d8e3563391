#pragma once

#include <termios.h>

#include "absl/status/statusor.h"

namespace banger::cli {

// A terminal in another mode than we found it in. The old one comes back with the
// destructor, and also when the process crashes or is ended at once. At most one
// at a time; `fd` must outlive it.
class TerminalMode {
 public:
  // Keys go to the guest as they are, also Ctrl-C.
  static absl::StatusOr<TerminalMode> Raw(int fd);
  // What is typed is not shown.
  static absl::StatusOr<TerminalMode> Hidden(int fd);

  TerminalMode(TerminalMode&& other) noexcept;
  TerminalMode& operator=(TerminalMode&&) = delete;
  ~TerminalMode();

  // Restores the mode now, from any thread or signal handler; fine when it was not
  // changed.
  static void RestoreNow();

 private:
  TerminalMode() = default;
  static absl::StatusOr<TerminalMode> Enter(int fd, const termios& mode, int when);

  bool owns_ = true;
};

struct TerminalSize {
  unsigned rows = 0;
  unsigned columns = 0;
};

// Zeros when `fd` is no terminal or does not know.
TerminalSize GetTerminalSize(int fd);

}  // namespace banger::cli
