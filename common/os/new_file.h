#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/os/unique_fd.h"

namespace banger {

// A file that is written step by step: readers of its path see what was there or
// the whole, also after a crash. Until Finish it has a temporary name beside the
// path, which goes with this object. One thread at a time.
class NewFile {
 public:
  static absl::StatusOr<NewFile> Create(const std::filesystem::path& path);
  NewFile(NewFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        fd_(std::move(other.fd_)) {}
  ~NewFile();

  absl::Status Write(absl::string_view bytes);
  // Flushes, takes the path's place with exactly that mode, flushes the directory.
  absl::Status Finish(unsigned mode);

 private:
  NewFile(std::filesystem::path path, std::string temporary, UniqueFd fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

  std::filesystem::path path_;
  std::string temporary_;  // empty once renamed
  UniqueFd fd_;
};

}  // namespace banger
