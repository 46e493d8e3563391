#pragma once

#include <filesystem>
#include <utility>

#include "absl/status/statusor.h"

namespace banger {

// A new directory of mode 0700 that is removed with all it holds when the
// object goes. A default-made or moved-from value owns nothing.
class TempDir {
 public:
  TempDir() = default;
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();

  // In `parent`, or in TMPDIR (/tmp) when that is empty.
  static absl::StatusOr<TempDir> Create(const std::filesystem::path& parent = {});

  const std::filesystem::path& path() const { return path_; }

  // Gives up ownership: the directory stays, for example after it was renamed.
  std::filesystem::path Release() { return std::exchange(path_, {}); }

 private:
  explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace banger
