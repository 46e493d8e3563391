// How large a VM is.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "services/vmd/core/vm.h"

namespace banger::vmd {

// What the host has.
struct HostCapacity {
  int cpus = 1;
  std::int64_t memory_mib = 0;
};

// What a caller asked for; unset is not zero: it takes the default.
struct RequestedSizes {
  std::optional<std::int64_t> vcpu;
  std::optional<std::int64_t> memory_mib;
  std::optional<std::int64_t> disk_size_bytes;
  std::optional<std::int64_t> rootfs_size_bytes;
};

// Fills what the configuration leaves open (0): a quarter of the CPUs, 1 to 4;
// an eighth of the memory, 256 to 8192 MiB.
VmSizes FillDefaults(VmSizes configured, const HostCapacity& host);

// VM_SIZE_INVALID, naming the field, for what cannot run here. Disk sizes are
// rounded up to whole blocks of 4 KiB.
absl::StatusOr<VmSizes> ResolveSizes(const RequestedSizes& requested, const VmSizes& defaults,
                                     const HostCapacity& host);

}  // namespace banger::vmd
