// One image in every form that an image can come in. For tests.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/status.h"

namespace banger {

class SampleImage {
 public:
  // Five layers, three megabytes in all that do not compress.
  SampleImage();

  // A tar of an OCI layout; its layers are gzip and zstd.
  const std::string& layout() const { return layout_; }
  // As docker save writes it.
  const std::string& docker_archive() const { return docker_archive_; }
  const std::string& rootfs_tar() const { return rootfs_tar_; }
  // A ready file system of kFileSystemBytes, and a bundle of it.
  const std::string& ext4() const { return ext4_; }
  const std::string& bundle() const { return bundle_; }

  // The layers by the hex digits of their digests, and how much that is.
  const std::map<std::string, std::string>& blobs() const { return blobs_; }
  std::int64_t blob_bytes() const;
  // Of the layout's manifest, "sha256:...".
  const std::string& manifest_digest() const { return manifest_digest_; }

  // OK when the file is a sound file system that holds just this image.
  absl::Status Check(const std::filesystem::path& rootfs) const;

  static constexpr std::int64_t kFileSystemBytes = 64 << 20;

 private:
  std::string layout_, docker_archive_, rootfs_tar_, ext4_, bundle_, manifest_digest_;
  std::map<std::string, std::string> blobs_;
};

}  // namespace banger
