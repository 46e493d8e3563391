#pragma once

#include <filesystem>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::kerneld {

// A regular file's bytes in memory, read-only. The file must not shrink as long
// as the object lives, so it maps only what kerneld itself has written.
class MappedFile {
 public:
  // Does not follow a symlink in the last component.
  static absl::StatusOr<MappedFile> Open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  absl::string_view bytes() const { return bytes_; }

 private:
  explicit MappedFile(absl::string_view bytes) : bytes_(bytes) {}

  absl::string_view bytes_;
};

}  // namespace banger::kerneld
