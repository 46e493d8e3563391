// From what distributions ship to the ELF vmlinux that Firecracker and QEMU
// start directly.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::kerneld {

struct VmlinuxFacts {
  std::string arch;             // "x86_64", "aarch64"
  std::string kernel_version;   // empty when the image does not tell
  std::string sha256;           // hex
  bool has_virtio_blk = false;  // built in, as far as its strings tell
};

// Makes `vmlinux`, a new file of the same file system, out of `image`: an ELF file,
// which it becomes by a rename, or a bzImage with a gzip, xz, lz4, zstd, bzip2 or
// lzma payload, which is unpacked. KERNEL_CORRUPT when it
// is neither or damaged; KERNEL_UNSUITABLE when it is for another machine than
// `arch` or has no PVH entry.
absl::StatusOr<VmlinuxFacts> ExtractVmlinux(const std::filesystem::path& image,
                                            const std::filesystem::path& vmlinux, const std::string& arch);

// The setup header's rules: Documentation/x86/boot.rst.
struct BzImage {
  absl::string_view payload;   // without what follows the compressed stream
  std::string kernel_version;  // may be empty
};
absl::StatusOr<BzImage> ParseBzImage(absl::string_view bytes);

}  // namespace banger::kerneld
