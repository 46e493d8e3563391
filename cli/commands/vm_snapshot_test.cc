// The commands that keep VMs, bring them back and make VMs of VMs.
#include "cli/testing/vm_fixture.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(VmTest, ASnapshotIsMadeListedAndDeleted) {
  const CommandResult made = Run({"vm", "snapshot", "create", "web", "base"});
  EXPECT_EQ(made.out, "base\n") << made.err;
  EXPECT_EQ(made.err, "snapshot vm 'web': seal\n");
  EXPECT_EQ(Run({"vm", "snapshot", "create", "web"}).out, "made-up\n");
  EXPECT_EQ(Run({"vm", "snapshot", "delete", "web", "base"}).out, "base\n");
  EXPECT_THAT(state_.Events(), ElementsAre("kept web", "kept web", "deleted web/snapshots/base"));
}

TEST_F(VmTest, SnapshotsAreShownWithWhatTheyNeed) {
  vm::v1::Snapshot& running = *state_.snapshots.add_snapshots();
  running.set_name("vms/web/snapshots/base");
  running.set_has_memory(true);
  running.set_memory_mib(512);
  running.set_used_bytes(64 << 20);
  running.set_kernel("6.1.0");
  running.set_vmm("qemu-tcg");
  running.set_vmm_version("7.2");
  state_.snapshots.add_snapshots()->set_name("vms/web/snapshots/cold");
  state_.page_size = 1;
  EXPECT_EQ(Run({"vm", "snapshot", "list", "web"}).out,
            "NAME   CREATED   MEMORY   ON DISK   KERNEL   VMM\n"
            "base   -         512M     64M       6.1.0    qemu-tcg 7.2\n"
            "cold   -         -        0         -        -\n");
  EXPECT_THAT(Run({"vm", "snapshot", "list", "web", "--format", "json"}).out,
              HasSubstr("\"name\": \"vms/web/snapshots/cold\""));
}

TEST_F(VmTest, AVmIsRestoredAndCloned) {
  EXPECT_EQ(Run({"vm", "restore", "web", "base"}).out, "web\n");
  EXPECT_EQ(Run({"vm", "clone", "web"}).out, "made-up\n");
  EXPECT_EQ(Run({"vm", "clone", "web", "twin", "--snapshot", "base"}).out, "twin\n");
  EXPECT_THAT(state_.Events(),
              ElementsAre("restored web/snapshots/base", "cloned web", "cloned web/snapshots/base"));
}

TEST_F(VmTest, WhatIsMissingOrTooMuchIsAUsageError) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"vm", "snapshot", "delete", "web"},
                                                {"vm", "snapshot", "list", "web", "base"},
                                                {"vm", "snapshot", "make", "web"},
                                                {"vm", "restore", "web"},
                                                {"vm", "clone"}})
    EXPECT_EQ(Run(wrong).status.code, 2) << wrong.back();
  state_.Fail("RestoreVm", ApiError(absl::StatusCode::kDataLoss, "SNAPSHOT_DAMAGED", "'memory' is cut off"));
  const CommandResult damaged = Run({"vm", "restore", "web", "base"});
  EXPECT_EQ(damaged.status.code, 1);
  EXPECT_THAT(damaged.err, HasSubstr("restore vm 'web': 'memory' is cut off"));
  EXPECT_THAT(damaged.err, HasSubstr("banger vm snapshot delete"));
}

}  // namespace
}  // namespace banger::cli
