// Which files of an unpacked tree make the kernel.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace banger::kerneld {

// What a metadata.json at the root says; every field may be empty.
struct SourceMetadata {
  std::string kernel_path;
  std::string initrd_path;
  std::string modules_dir;
  std::string distro;
  std::string arch;
  std::string kernel_version;
};

struct KernelLayout {
  std::string image;   // ELF or bzImage
  std::string initrd;  // empty: none
  // The directories that could be /lib/modules/VERSION; which one it is depends
  // on the image's version, unless metadata.json or a bundle says it.
  std::vector<std::string> modules_dirs;
  bool modules_given = false;
};

// `files` are the regular files, relative to the root. metadata.json's names
// win; then vmlinux, initrd.img and modules/ at the root (a bundle); then the
// newest boot/vmlinux-*, else boot/vmlinuz-*, with the initrd of the same
// suffix. DATA_LOSS (KERNEL_CORRUPT) when there is no kernel, or what
// metadata.json names is not there.
absl::StatusOr<KernelLayout> FindKernelLayout(const std::vector<std::string>& files,
                                              const SourceMetadata& metadata);

// The modules of exactly that kernel version; of the newest when the version is
// empty. Empty when there are none; DATA_LOSS when there are only those of
// other versions.
absl::StatusOr<std::string> ChooseModules(const KernelLayout& layout, const std::string& kernel_version);

}  // namespace banger::kerneld
