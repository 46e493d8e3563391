#include "services/vmd/core/sizes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

constexpr std::int64_t kMaxVcpu = 64;
constexpr std::int64_t kMinMemoryMib = 64;
constexpr std::int64_t kMinDisk = std::int64_t{16} << 20;
constexpr std::int64_t kMaxDisk = std::int64_t{2} << 40;  // common/ext4 makes no larger ones
constexpr std::int64_t kDefaultDisk = std::int64_t{8} << 30;
constexpr std::int64_t kBlock = 4096;

struct Limits {
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::string why_max;
};

Limits VcpuLimits(const HostCapacity& host) {
  if (host.cpus > kMaxVcpu) return {1, kMaxVcpu, ""};
  return {1, host.cpus, ", which is all that this host has"};
}

Limits MemoryLimits(const HostCapacity& host) {
  return {kMinMemoryMib, host.memory_mib, ", which is all that this host has"};
}

Limits DiskLimits() { return {kMinDisk, kMaxDisk, ""}; }

// `value` into `size`, when there is one.
template <typename Int>
absl::Status Put(const std::string& field, const std::optional<std::int64_t>& value, const Limits& limits,
                 Int& size, SizeOrigin& origin) {
  if (!value.has_value()) return absl::OkStatus();
  if (*value < limits.min)
    return VmSizeInvalid(field, *value, absl::StrCat("is too small: at least ", limits.min));
  if (*value > limits.max)
    return VmSizeInvalid(field, *value, absl::StrCat("is too large: at most ", limits.max, limits.why_max));
  size = static_cast<Int>(*value);
  origin = {SizeSource::kRequest, ""};
  return absl::OkStatus();
}

std::optional<std::int64_t> RoundUp(const std::optional<std::int64_t>& bytes) {
  // What is larger than any disk is refused as it is.
  if (!bytes.has_value() || *bytes > kMaxDisk) return bytes;
  return (*bytes + kBlock - 1) / kBlock * kBlock;
}

ResolvedSizes BuiltInSizes(const HostCapacity& host) {
  const auto built_in = [](const std::string& detail) { return SizeOrigin{SizeSource::kBuiltIn, detail}; };
  return {
      .sizes = {.vcpu = std::clamp(host.cpus / 4, 1, 4),
                .memory_mib = std::clamp<std::int64_t>(host.memory_mib / 8, 256, 8192),
                .disk_size_bytes = kDefaultDisk,
                .rootfs_size_bytes = kDefaultDisk},
      .origins = {.vcpu = built_in(absl::StrCat("a quarter of ", host.cpus, " CPUs, 1 to 4")),
                  .memory_mib = built_in(absl::StrCat("an eighth of ", host.memory_mib, " MiB, 256 to 8192")),
                  .disk_size_bytes = built_in("8G"),
                  .rootfs_size_bytes = built_in("8G")}};
}

std::optional<std::int64_t> ValueOf(const std::optional<ConfiguredSize>& size) {
  return size.has_value() ? std::optional(size->value) : std::nullopt;
}

}  // namespace

bool RequestedSizes::any() const {
  return vcpu.has_value() || memory_mib.has_value() || disk_size_bytes.has_value() ||
         rootfs_size_bytes.has_value();
}

absl::StatusOr<ResolvedSizes> DefaultSizes(const ConfiguredSizes& configured, const HostCapacity& host) {
  const RequestedSizes said{.vcpu = ValueOf(configured.vcpu),
                            .memory_mib = ValueOf(configured.memory_mib),
                            .disk_size_bytes = ValueOf(configured.disk_size_bytes),
                            .rootfs_size_bytes = ValueOf(configured.rootfs_size_bytes)};
  BANGER_ASSIGN_OR_RETURN(ResolvedSizes sizes, ResolveSizes(said, BuiltInSizes(host), host));
  if (configured.vcpu) sizes.origins.vcpu = configured.vcpu->origin;
  if (configured.memory_mib) sizes.origins.memory_mib = configured.memory_mib->origin;
  if (configured.disk_size_bytes) sizes.origins.disk_size_bytes = configured.disk_size_bytes->origin;
  if (configured.rootfs_size_bytes) sizes.origins.rootfs_size_bytes = configured.rootfs_size_bytes->origin;
  return sizes;
}

absl::StatusOr<ResolvedSizes> ResolveSizes(const RequestedSizes& requested, ResolvedSizes sizes,
                                           const HostCapacity& host) {
  VmSizes& to = sizes.sizes;
  SizeOrigins& from = sizes.origins;
  BANGER_RETURN_IF_ERROR(Put("vcpu", requested.vcpu, VcpuLimits(host), to.vcpu, from.vcpu));
  BANGER_RETURN_IF_ERROR(
      Put("memory_mib", requested.memory_mib, MemoryLimits(host), to.memory_mib, from.memory_mib));
  BANGER_RETURN_IF_ERROR(Put("disk_size_bytes", RoundUp(requested.disk_size_bytes), DiskLimits(),
                             to.disk_size_bytes, from.disk_size_bytes));
  BANGER_RETURN_IF_ERROR(Put("rootfs_size_bytes", RoundUp(requested.rootfs_size_bytes), DiskLimits(),
                             to.rootfs_size_bytes, from.rootfs_size_bytes));
  return sizes;
}

absl::Status CheckGrowth(const RequestedSizes& requested, const VmSizes& now) {
  const auto check = [](const std::string& field, const std::optional<std::int64_t>& value,
                        std::int64_t size) {
    if (!value.has_value() || *value >= size) return absl::OkStatus();
    return VmSizeInvalid(field, *value, absl::StrCat("is less than it has: disks only grow, from ", size));
  };
  BANGER_RETURN_IF_ERROR(check("disk_size_bytes", requested.disk_size_bytes, now.disk_size_bytes));
  return check("rootfs_size_bytes", requested.rootfs_size_bytes, now.rootfs_size_bytes);
}

}  // namespace banger::vmd
