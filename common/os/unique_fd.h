#pragma once

#include <unistd.h>

#include <utility>

namespace banger {

// Owns a file descriptor and closes it. Moved-from and default-made values own
// nothing (-1). Not thread-safe.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);  // Linux frees the number even on EINTR.
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace banger
