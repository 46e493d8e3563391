// A VM's serial console in a file. QEMU appends to it by itself, so nothing is
// lost while vmd restarts; vmd keeps it small by punching holes at its front.
// Offsets therefore never change, and whoever follows the log is not disturbed.
// While vmd is not running the file is not capped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger::vmd {

// A log of more than kConsoleMax bytes on disk is cut to its last kConsoleKeep.
inline constexpr std::int64_t kConsoleMax = std::int64_t{8} << 20;
inline constexpr std::int64_t kConsoleKeep = std::int64_t{4} << 20;

// Fine when there is no log.
absl::Status CapConsoleLog(const std::filesystem::path& path);

// Not thread-safe.
class ConsoleLogReader {
 public:
  // At the begin of what is still there, or `tail_lines` (> 0) before the end.
  // A VM that never ran has an empty log.
  static absl::StatusOr<ConsoleLogReader> Open(const std::filesystem::path& path, std::int64_t tail_lines);

  // At most `max` bytes; empty at the end, for now.
  absl::StatusOr<std::string> Read(std::size_t max);

 private:
  ConsoleLogReader(UniqueFd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}
  absl::Status SkipHole();
  absl::Status SeekToTail(std::int64_t lines);

  UniqueFd fd_;  // invalid until there is a file
  std::filesystem::path path_;
  std::int64_t offset_ = 0;
};

// The line of a kernel panic after `begin`; empty when there is none.
std::string FindPanic(const std::filesystem::path& path, std::int64_t begin);

// The last line that is not blank after `begin`.
std::string LastConsoleLine(const std::filesystem::path& path, std::int64_t begin);

// 0 when there is no file.
std::int64_t ConsoleSize(const std::filesystem::path& path);

}  // namespace banger::vmd
