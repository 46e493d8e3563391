// How large a VM is, and who said so: the request, else the configuration, else
// the host.
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

  bool any() const;
};

// What the configuration says. Unset takes what is built in.
struct ConfiguredSize {
  std::int64_t value = 0;
  SizeOrigin origin;
};
struct ConfiguredSizes {
  std::optional<ConfiguredSize> vcpu;
  std::optional<ConfiguredSize> memory_mib;
  std::optional<ConfiguredSize> disk_size_bytes;
  std::optional<ConfiguredSize> rootfs_size_bytes;
};

struct ResolvedSizes {
  VmSizes sizes;
  SizeOrigins origins;
};

// Built in: a quarter of the CPUs, 1 to 4; an eighth of the memory, 256 to 8192
// MiB; disks of 8 GiB. VM_SIZE_INVALID for what the configuration says and cannot
// run here.
absl::StatusOr<ResolvedSizes> DefaultSizes(const ConfiguredSizes& configured, const HostCapacity& host);

// `requested` over `sizes`. VM_SIZE_INVALID, naming the field and its limit, for
// what is requested and cannot run here. Disk sizes are rounded up to whole blocks
// of 4 KiB.
absl::StatusOr<ResolvedSizes> ResolveSizes(const RequestedSizes& requested, ResolvedSizes sizes,
                                           const HostCapacity& host);

// What is requested of a VM that has disks already: they only grow
// (VM_SIZE_INVALID).
absl::Status CheckGrowth(const RequestedSizes& requested, const VmSizes& now);

}  // namespace banger::vmd
