#include "services/vmd/core/sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::vmd {
namespace {

using ::testing::HasSubstr;

constexpr HostCapacity kHost{.cpus = 16, .memory_mib = 32768};
constexpr VmSizes kDefaults{
    .vcpu = 2, .memory_mib = 1024, .disk_size_bytes = 8ll << 30, .rootfs_size_bytes = 8ll << 30};

TEST(SizesTest, DefaultsFollowTheHostWithinBounds) {
  EXPECT_EQ(FillDefaults({}, {.cpus = 1, .memory_mib = 512}).vcpu, 1);
  EXPECT_EQ(FillDefaults({}, {.cpus = 64, .memory_mib = 512}).vcpu, 4);
  EXPECT_EQ(FillDefaults({}, {.cpus = 8, .memory_mib = 512}).memory_mib, 256);
  EXPECT_EQ(FillDefaults({}, {.cpus = 8, .memory_mib = 1 << 20}).memory_mib, 8192);
  EXPECT_EQ(FillDefaults({}, {.cpus = 8, .memory_mib = 24000}).memory_mib, 3000);
  EXPECT_EQ(FillDefaults(kDefaults, {.cpus = 64, .memory_mib = 1 << 20}), kDefaults);
}

TEST(SizesTest, WhatIsOmittedTakesTheDefault) {
  EXPECT_THAT(ResolveSizes({}, kDefaults, kHost), IsOkAndHolds(kDefaults));
}

TEST(SizesTest, ZeroIsNotOmittedButRefusedByName) {
  const auto refused = [](const RequestedSizes& sizes, const char* field) {
    const auto result = ResolveSizes(sizes, kDefaults, kHost);
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
    EXPECT_EQ(ErrorReason(result.status()), "VM_SIZE_INVALID");
  };
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 60}) {
    refused({.vcpu = bad}, "vcpu");
    refused({.memory_mib = bad}, "memory_mib");
    refused({.disk_size_bytes = bad}, "disk_size_bytes");
    refused({.rootfs_size_bytes = bad}, "rootfs_size_bytes");
  }
  refused({.memory_mib = kHost.memory_mib + 1}, "32768");
}

TEST(SizesTest, DisksAreWholeBlocks) {
  const auto sizes = ResolveSizes({.disk_size_bytes = (64ll << 20) + 1}, kDefaults, kHost);
  ASSERT_THAT(sizes, IsOk());
  EXPECT_EQ(sizes->disk_size_bytes, (64ll << 20) + 4096);
}

}  // namespace
}  // namespace banger::vmd
