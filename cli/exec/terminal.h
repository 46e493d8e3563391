#pragma once

#include "absl/status/statusor.h"

namespace banger::cli {

// Raw mode of a terminal: keys go to the guest as they are, also Ctrl-C. The
// old mode comes back with the destructor, and also when the process crashes or
// is ended at once. At most one at a time.
class RawTerminal {
 public:
  static absl::StatusOr<RawTerminal> Enter(int fd);

  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&&) = delete;
  ~RawTerminal();

  // Restores the mode now, from any thread or signal handler; fine without a
  // raw terminal.
  static void RestoreNow();

 private:
  RawTerminal() = default;

  bool owns_ = true;
};

struct TerminalSize {
  unsigned rows = 0;
  unsigned columns = 0;
};

// Zeros when `fd` is no terminal or does not know.
TerminalSize GetTerminalSize(int fd);

}  // namespace banger::cli
