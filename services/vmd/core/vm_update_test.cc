// What of a VM can be changed once it is there, and when.
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VmUpdateTest : public ManagerFixture {};

TEST_F(VmUpdateTest, SizesOfAStoppedVmAreThereAtItsNextStart) {
  ASSERT_OK(Create("box"));
  ASSERT_OK(vms_->Stop("box", {}, {}));
  ASSERT_OK_AND_ASSIGN(const VmView set,
                       vms_->Update("box", {.sizes = {.vcpu = 3, .disk_size_bytes = 9ll << 30}}, {}));
  EXPECT_EQ(set.vm.sizes.vcpu, 3);
  EXPECT_EQ(set.vm.sizes.disk_size_bytes, 9ll << 30);
  EXPECT_EQ(set.vm.sizes.memory_mib, 2048);
  EXPECT_THAT(world_.files.grown, ElementsAre(set.vm.sizes));
  ASSERT_OK(vms_->Start("box", kQuiet, {}));
  EXPECT_EQ(world_.vmm.launched.back().sizes, set.vm.sizes);
  EXPECT_EQ(set.vm.size_origins.vcpu.source, SizeSource::kRequest);
  EXPECT_EQ(set.vm.size_origins.memory_mib.source, SizeSource::kBuiltIn);
}

TEST_F(VmUpdateTest, SizesOfARunningVmAreRefusedAndItsNetworkWithThem) {
  ASSERT_OK(Create("box"));
  const auto refused = vms_->Update("box", {.nat = true, .sizes = {.vcpu = 2}}, {});
  EXPECT_EQ(ErrorReason(refused.status()), "VM_RUNNING");
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("VM 'box' is running: its sizes change only while it is stopped")));
  EXPECT_FALSE(vms_->Get("box")->vm.policy.nat);
}

TEST_F(VmUpdateTest, WhatCannotBeIsRefusedWithItsLimitAndChangesNothing) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box", /*no_start=*/true));
  const auto refused = [&](const RequestedSizes& sizes, const char* why) {
    EXPECT_THAT(vms_->Update("box", {.sizes = sizes}, {}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused({.vcpu = 5}, "vcpu 5 is too large: at most 4, which is all that this host has");
  refused({.memory_mib = 16385}, "at most 16384");
  refused({.vcpu = 0}, "vcpu 0 is too small");
  refused({.vcpu = 2, .disk_size_bytes = 1 << 30}, "disks only grow");
  refused({.rootfs_size_bytes = 3ll << 40}, "rootfs_size_bytes");
  EXPECT_EQ(vms_->Get("box")->vm, box.vm);
  EXPECT_THAT(world_.files.grown, IsEmpty());
}

TEST_F(VmUpdateTest, AFullDiskLeavesTheVmAsItWas) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box", /*no_start=*/true));
  world_.host.FailAt("GrowDisks", DiskFull("no space"));
  const auto full = vms_->Update("box", {.sizes = {.disk_size_bytes = 9ll << 30}}, {});
  EXPECT_EQ(ErrorReason(full.status()), "DISK_FULL");
  EXPECT_EQ(vms_->Get("box")->vm, box.vm);
}

TEST_F(VmUpdateTest, AGuestThatEndsMeanwhileIsStoppedAllTheSame) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
  world_.host.OnceAt("SetPolicy", [&] { world_.vmm.End(box.vm.uid, {VmmExit::Kind::kPoweredOff, ""}); });
  ASSERT_OK_AND_ASSIGN(const VmView set, vms_->Update("box", {.nat = true}, {}));
  EXPECT_EQ(set.vm.state, VmState::kStopped);
  EXPECT_TRUE(set.vm.policy.nat);
  EXPECT_TRUE(Eventually([&] { return !world_.things.Has("tap " + box.vm.uid); }));
}

TEST_F(VmUpdateTest, APolicyThatCouldNotBeStoredIsNotInForce) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
  world_.host.FailAt("UpdateSettings", DiskFull("no space"));
  EXPECT_EQ(ErrorReason(vms_->Update("box", {.nat = true}, {}).status()), "DISK_FULL");
  EXPECT_FALSE(world_.network.policies[box.vm.uid].nat);
  EXPECT_FALSE(vms_->Get("box")->vm.policy.nat);
}

}  // namespace
}  // namespace banger::vmd
