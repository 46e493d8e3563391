// The flags that say how large a VM is.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "cli/errors.h"
#include "cli/flags.h"

namespace banger::cli {

struct VmSizes {
  std::optional<std::int32_t> vcpu;
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> disk_size;
  std::optional<std::int64_t> rootfs_size;

  bool any() const {
    return vcpu.has_value() || memory_bytes.has_value() || disk_size.has_value() || rootfs_size.has_value();
  }
};

inline void DeclareSizes(Flags& flags, VmSizes& sizes) {
  flags.Number("--vcpu", sizes.vcpu, 1, "virtual CPUs");
  flags.Size("--memory", sizes.memory_bytes, "as 512M or 2G");
  flags.Size("--disk-size", sizes.disk_size, "of the work disk at /root, as 8G");
  flags.Size("--rootfs-size", sizes.rootfs_size, "of what it can write over its image, as 8G");
}

// Into a CreateVmRequest or an UpdateVmRequest, those that are given.
template <typename Request>
absl::Status SetSizes(const VmSizes& sizes, Request& request) {
  constexpr std::int64_t kMiB = 1 << 20;
  if (sizes.vcpu.has_value()) request.set_vcpu(*sizes.vcpu);
  if (sizes.memory_bytes.has_value()) {
    if (*sizes.memory_bytes % kMiB != 0)
      return UsageError("--memory is not a whole number of MiB; write 512M or 2G");
    request.set_memory_mib(*sizes.memory_bytes / kMiB);
  }
  if (sizes.disk_size.has_value()) request.set_disk_size_bytes(*sizes.disk_size);
  if (sizes.rootfs_size.has_value()) request.set_rootfs_size_bytes(*sizes.rootfs_size);
  return absl::OkStatus();
}

}  // namespace banger::cli
