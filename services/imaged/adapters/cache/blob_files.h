#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger::imaged {

// How the cache lies on disk: `blobs/<algorithm>/<hex>` for blobs that have been
// verified, `partial/<algorithm>/<hex>` for what arrived of others. Thread-safe.
class BlobFiles {
 public:
  // Makes the directories.
  static absl::StatusOr<BlobFiles> Open(std::filesystem::path directory);

  // `digest` must be one.
  std::filesystem::path Whole(const std::string& digest) const;
  std::filesystem::path Partial(const std::string& digest) const;

  // Makes the partial file a blob for ever; it must have been verified.
  absl::Status Publish(const std::string& digest, int fd) const;

  // Says that the blob was needed just now.
  void Touch(const std::string& digest) const;

  struct File {
    std::string digest;
    std::filesystem::path path;
    std::int64_t bytes = 0;
    timespec used{};
  };
  // Both kinds; what was not needed for the longest time first.
  absl::StatusOr<std::vector<File>> List() const;

 private:
  explicit BlobFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

  std::filesystem::path directory_;
};

}  // namespace banger::imaged
