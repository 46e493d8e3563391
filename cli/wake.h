#pragma once

#include "common/os/unique_fd.h"

namespace banger::cli {

// Ends another thread's wait for a descriptor. Wake may be called from any
// thread and stays in force until Clear.
class Wake {
 public:
  Wake();

  void Now();
  void Clear();
  int fd() const { return fd_.get(); }

  // Waits until `fd` has something to read (or its end), true, or until woken,
  // false.
  bool WaitReadable(int fd) const;

 private:
  UniqueFd fd_;
};

}  // namespace banger::cli
