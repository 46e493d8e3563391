#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"

namespace banger::kerneld {

// What the bytes of a vmlinux tell without its headers.
struct VmlinuxText {
  std::string sha256;           // hex
  std::string kernel_version;   // of the banner "Linux version ...", may be empty
  bool has_virtio_blk = false;  // built in, as far as its strings tell
};

// The word that `text` starts with, if it looks like a version.
std::string VersionWord(absl::string_view text);

// Reads the source to its end, once and piece by piece: a vmlinux with its symbols
// has 50 MB. Writes all of it to the descriptor `copy_to`, if there is one.
absl::StatusOr<VmlinuxText> ScanVmlinux(ByteSource& source, int copy_to = -1);

}  // namespace banger::kerneld
