#include "cli/doctor/daemons.h"

#include "cli/doctor/testing/is.h"

namespace banger::cli {
namespace {

using ::testing::Contains;

TEST(DoctorDaemonsTest, DriftIsAWarningAndSilenceAFailureButNetds) {
  system::v1::ListDaemonsResponse list;
  const auto add = [&](const std::string& name, const std::string& commit, const std::string& error) {
    system::v1::Daemon& daemon = *list.add_daemons();
    daemon.set_name(name);
    daemon.set_version("1");
    daemon.set_commit(commit);
    daemon.set_error(error);
  };
  add("daemons/vmd", "abc", "");
  add("daemons/imaged", "old", "");
  add("daemons/kerneld", "", "no socket");
  add("daemons/netd", "", "no socket");
  const Findings findings = JudgeDaemons(list, {"1", "abc", ""});
  ASSERT_EQ(findings.size(), 4u);
  EXPECT_THAT(findings[0], Is(Verdict::kPass, "version 1"));
  EXPECT_THAT(findings[1], Is(Verdict::kWarn, "old"));
  EXPECT_THAT(findings[2], Is(Verdict::kFail, "no socket"));
  EXPECT_THAT(findings[3], Is(Verdict::kWarn, "no socket"));
}

TEST(DoctorDaemonsTest, EmulationIsToldOfWhereKvmWorks) {
  vm::v1::ListVmsResponse list;
  vm::v1::Vm& vm = *list.add_vms();
  vm.set_name("vms/web");
  vm.set_state(vm::v1::Vm::STATE_RUNNING);
  vm.set_vmm("qemu-tcg");
  EXPECT_THAT(JudgeVms(list, true), Contains(Is(Verdict::kWarn, "emulated although KVM runs a vCPU: web")));
  EXPECT_THAT(JudgeVms(list, false), ::testing::ElementsAre(Is(Verdict::kPass, "1 of 1")));
}

TEST(DoctorDaemonsTest, KernelsAndImagesThatAreMissingAreSaid) {
  EXPECT_THAT(JudgeKernels({}), Is(Verdict::kFail, "no VM boots without"));
  EXPECT_THAT(JudgeImages({}, "debian-bookworm"), Is(Verdict::kWarn, "debian-bookworm, is not here"));
  image::v1::ListImagesResponse images;
  images.add_images()->set_name("images/debian-bookworm");
  EXPECT_THAT(JudgeImages(images, "debian-bookworm"), Is(Verdict::kPass, "is here"));
}

TEST(DoctorDaemonsTest, VmsThatFailedAreSaid) {
  vm::v1::ListVmsResponse list;
  vm::v1::Vm& vm = *list.add_vms();
  vm.set_name("vms/web");
  vm.set_state(vm::v1::Vm::STATE_ERROR);
  vm.set_state_detail("no space\033[2J");
  EXPECT_THAT(JudgeVms(list, true), Contains(Is(Verdict::kWarn, "failed: no space?[2J")));
}

}  // namespace
}  // namespace banger::cli
