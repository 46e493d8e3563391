#include "services/vmd/core/sizes.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

constexpr std::int64_t kMaxVcpu = 64;
constexpr std::int64_t kMinMemoryMib = 64;
constexpr std::int64_t kMinDisk = std::int64_t{16} << 20;
constexpr std::int64_t kMaxDisk = std::int64_t{2} << 40;  // common/ext4 makes no larger ones
constexpr std::int64_t kBlock = 4096;

absl::Status CheckRange(const std::string& field, std::int64_t value, std::int64_t min, std::int64_t max,
                        const std::string& why_max) {
  if (value < min) return VmSizeInvalid(field, value, absl::StrCat("is too small: at least ", min));
  if (value > max) return VmSizeInvalid(field, value, absl::StrCat("is too large: at most ", max, why_max));
  return absl::OkStatus();
}

std::int64_t RoundUp(std::int64_t bytes) { return (bytes + kBlock - 1) / kBlock * kBlock; }

}  // namespace

VmSizes FillDefaults(VmSizes configured, const HostCapacity& host) {
  if (configured.vcpu == 0) configured.vcpu = std::clamp(host.cpus / 4, 1, 4);
  if (configured.memory_mib == 0)
    configured.memory_mib = std::clamp<std::int64_t>(host.memory_mib / 8, 256, 8192);
  return configured;
}

absl::StatusOr<VmSizes> ResolveSizes(const RequestedSizes& requested, const VmSizes& defaults,
                                     const HostCapacity& host) {
  const std::int64_t vcpu = requested.vcpu.value_or(defaults.vcpu);
  const std::int64_t memory = requested.memory_mib.value_or(defaults.memory_mib);
  const std::int64_t disk = requested.disk_size_bytes.value_or(defaults.disk_size_bytes);
  const std::int64_t rootfs = requested.rootfs_size_bytes.value_or(defaults.rootfs_size_bytes);
  BANGER_RETURN_IF_ERROR(CheckRange("vcpu", vcpu, 1, kMaxVcpu, ""));
  BANGER_RETURN_IF_ERROR(
      CheckRange("memory_mib", memory, kMinMemoryMib, host.memory_mib, ", which is all that this host has"));
  BANGER_RETURN_IF_ERROR(CheckRange("disk_size_bytes", disk, kMinDisk, kMaxDisk, ""));
  BANGER_RETURN_IF_ERROR(CheckRange("rootfs_size_bytes", rootfs, kMinDisk, kMaxDisk, ""));
  return VmSizes{.vcpu = static_cast<int>(vcpu),
                 .memory_mib = memory,
                 .disk_size_bytes = RoundUp(disk),
                 .rootfs_size_bytes = RoundUp(rootfs)};
}

}  // namespace banger::vmd
