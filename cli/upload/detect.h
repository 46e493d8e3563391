// What a file or directory holds, told by its content, never by its name.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "cli/upload/upload.h"

namespace banger::cli {

enum class KernelFormat { kDeb, kBundle, kTree, kImage };

struct KernelUpload {
  KernelFormat format;
  Upload upload;
};

// A .deb, a bundle tar, a bare vmlinux or bzImage, or a directory that holds a
// kernel in one of the two layouts.
absl::StatusOr<KernelUpload> OpenKernel(const std::string& path);

enum class ImageFormat { kRootfsTar, kOciLayout, kDockerArchive, kBundle, kExt4 };

struct ImageUpload {
  ImageFormat format;
  Upload upload;
};

// A tar of a root file system in any compression, a tar of an OCI layout, a
// directory with an OCI layout, what docker save writes, a bundle, an ext4 file system; "-" is stdin.
absl::StatusOr<ImageUpload> OpenImage(const std::string& path);

}  // namespace banger::cli
