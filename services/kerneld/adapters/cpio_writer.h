#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::kerneld {

// Writes an initramfs in the kernel's "newc" cpio format, everything owned by
// root and of time 0, so that equal content gives equal bytes. Parents come
// before their children.
class CpioWriter {
 public:
  // Writes to a descriptor that somebody else owns.
  explicit CpioWriter(int fd) : fd_(fd) {}

  absl::Status AddDirectory(const std::string& path);
  absl::Status AddFile(const std::string& path, absl::string_view content, unsigned mode);
  absl::Status AddCharDevice(const std::string& path, unsigned mode, unsigned major, unsigned minor);

  // The trailer; nothing may follow.
  absl::Status Finish();

 private:
  absl::Status Add(const std::string& path, unsigned mode, absl::string_view content, unsigned major = 0,
                   unsigned minor = 0);

  int fd_;
  std::uint32_t next_inode_ = 1;
};

}  // namespace banger::kerneld
