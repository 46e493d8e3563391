#include "services/vmd/core/sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::vmd {
namespace {

using ::testing::HasSubstr;

constexpr HostCapacity kHost{.cpus = 16, .memory_mib = 32768};
constexpr VmSizes kSizes{
    .vcpu = 2, .memory_mib = 1024, .disk_size_bytes = 8ll << 30, .rootfs_size_bytes = 8ll << 30};

VmSizes BuiltIn(const HostCapacity& host) {
  const auto sizes = DefaultSizes({}, host);
  EXPECT_OK(sizes);
  return sizes.ok() ? sizes->sizes : VmSizes{};
}

TEST(SizesTest, WhatIsBuiltInFollowsTheHostWithinBounds) {
  EXPECT_EQ(BuiltIn({.cpus = 1, .memory_mib = 512}).vcpu, 1);
  EXPECT_EQ(BuiltIn({.cpus = 8, .memory_mib = 512}).vcpu, 2);
  EXPECT_EQ(BuiltIn({.cpus = 64, .memory_mib = 512}).vcpu, 4);
  EXPECT_EQ(BuiltIn({.cpus = 8, .memory_mib = 512}).memory_mib, 256);
  EXPECT_EQ(BuiltIn({.cpus = 8, .memory_mib = 1 << 20}).memory_mib, 8192);
  EXPECT_EQ(BuiltIn({.cpus = 8, .memory_mib = 24000}).memory_mib, 3000);
  EXPECT_EQ(BuiltIn(kHost).disk_size_bytes, 8ll << 30);
  EXPECT_EQ(BuiltIn(kHost).rootfs_size_bytes, 8ll << 30);
}

TEST(SizesTest, TheRequestGoesBeforeTheConfigurationBeforeTheHostAndEachIsNamed) {
  const SizeOrigin file{SizeSource::kUserConfig, "/home/me/.config/banger/config.toml"};
  ASSERT_OK_AND_ASSIGN(
      const ResolvedSizes defaults,
      DefaultSizes({.vcpu = ConfiguredSize{3, file}, .memory_mib = ConfiguredSize{700, file}}, kHost));
  ASSERT_OK_AND_ASSIGN(const ResolvedSizes sizes, ResolveSizes({.vcpu = 5}, defaults, kHost));
  EXPECT_EQ(
      sizes.sizes,
      (VmSizes{.vcpu = 5, .memory_mib = 700, .disk_size_bytes = 8ll << 30, .rootfs_size_bytes = 8ll << 30}));
  EXPECT_EQ(sizes.origins.vcpu, (SizeOrigin{SizeSource::kRequest, ""}));
  EXPECT_EQ(sizes.origins.memory_mib, file);
  EXPECT_EQ(sizes.origins.disk_size_bytes, (SizeOrigin{SizeSource::kBuiltIn, "8G"}));
  EXPECT_EQ(defaults.origins.vcpu, file);
  ASSERT_OK_AND_ASSIGN(const ResolvedSizes built_in, DefaultSizes({}, kHost));
  EXPECT_EQ(built_in.origins.vcpu.detail, "a quarter of 16 CPUs, 1 to 4");
  EXPECT_EQ(built_in.origins.memory_mib.detail, "an eighth of 32768 MiB, 256 to 8192");
}

TEST(SizesTest, ZeroIsNotOmittedButRefusedByName) {
  const auto refused = [](const RequestedSizes& sizes, const char* field) {
    const auto result = ResolveSizes(sizes, {.sizes = kSizes}, kHost);
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
    EXPECT_EQ(ErrorReason(result.status()), "VM_SIZE_INVALID");
  };
  for (const std::int64_t bad :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 60, std::numeric_limits<std::int64_t>::max()}) {
    refused({.vcpu = bad}, "vcpu");
    refused({.memory_mib = bad}, "memory_mib");
    refused({.disk_size_bytes = bad}, "disk_size_bytes");
    refused({.rootfs_size_bytes = bad}, "rootfs_size_bytes");
  }
  refused({.memory_mib = kHost.memory_mib + 1}, "at most 32768, which is all that this host has");
  refused({.vcpu = 17}, "at most 16, which is all that this host has");
}

TEST(SizesTest, AConfigurationThatCannotRunHereIsRefused) {
  EXPECT_THAT(DefaultSizes({.vcpu = ConfiguredSize{17, {}}}, kHost),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("vcpu 17")));
}

TEST(SizesTest, DisksAreWholeBlocks) {
  const auto sizes = ResolveSizes({.disk_size_bytes = (64ll << 20) + 1}, {.sizes = kSizes}, kHost);
  ASSERT_THAT(sizes, IsOk());
  EXPECT_EQ(sizes->sizes.disk_size_bytes, (64ll << 20) + 4096);
}

TEST(SizesTest, DisksOnlyGrow) {
  EXPECT_OK(CheckGrowth({.vcpu = 1, .disk_size_bytes = 8ll << 30, .rootfs_size_bytes = 9ll << 30}, kSizes));
  EXPECT_THAT(
      CheckGrowth({.disk_size_bytes = (8ll << 30) - 1}, kSizes),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("disk_size_bytes 8589934591 is less than it has: disks only grow, from 85")));
  EXPECT_THAT(CheckGrowth({.rootfs_size_bytes = 0}, kSizes),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("rootfs_size_bytes")));
}

}  // namespace
}  // namespace banger::vmd
