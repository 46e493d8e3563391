// Where bytes come from, pulled by whoever needs them.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/status/error.h"

namespace banger {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Fills at most the buffer and gives the number of bytes read; 0 is the end.
  // Blocks while there is nothing. After an error nothing more may be read.
  virtual absl::StatusOr<std::size_t> Read(std::span<char> buffer) = 0;
};

// Reads a descriptor that somebody else owns.
class FdSource final : public ByteSource {
 public:
  explicit FdSource(int fd) : fd_(fd) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    for (;;) {
      const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) return ErrnoError(errno, "read");
    }
  }

 private:
  int fd_;
};

// Reads bytes that stay where they are.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(absl::string_view bytes) : rest_(bytes) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    const std::size_t count = std::min(buffer.size(), rest_.size());
    std::copy_n(rest_.data(), count, buffer.data());
    rest_.remove_prefix(count);
    return count;
  }

 private:
  absl::string_view rest_;
};

}  // namespace banger
