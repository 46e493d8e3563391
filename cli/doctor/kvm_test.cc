#include "cli/doctor/kvm.h"

#include <unistd.h>

#include "cli/doctor/testing/is.h"

namespace banger::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(DoctorKvmTest, ACpuIsToldByItsFlags) {
  EXPECT_THAT(CheckCpu("processor : 0\nflags\t\t: fpu vmx sse\n", false), Is(Verdict::kPass, "vmx"));
  EXPECT_THAT(CheckCpu("processor : 0\nflags\t\t: fpu svm_lock\n", false), Is(Verdict::kWarn, "emulated"));
  EXPECT_THAT(CheckCpu("processor : 0\nflags\t\t: fpu\n", true), Is(Verdict::kPass, "yet KVM runs"));
}

TEST(DoctorKvmTest, AVcpuThatDoesNotComeBackIsGivenUp) {
  EXPECT_THAT(CheckKvm({"sleep", "1000"}, "auto", "", {}), Is(Verdict::kWarn, "did not halt"));
  EXPECT_THAT(CheckKvm({"true"}, "firecracker", "", {}), Is(Verdict::kPass, "vCPU"));
  EXPECT_THAT(CheckKvm({"sh", "-c", "echo broken >&2; exit 1"}, "auto", "", {}),
              Is(Verdict::kWarn, "broken; VMs are emulated"));
  EXPECT_THAT(CheckKvm({"false"}, "firecracker", "", {}), Is(Verdict::kFail, "vmm = \"firecracker\" needs it"));
}

// modprobe fails for a module of another vendor's, also when it has loaded the right one.
TEST(DoctorKvmTest, TheModuleOfThisCpuIsToBeLoaded) {
  const auto repair = [](const std::string& flags) {
    return CheckKvm({"false"}, "auto", "processor : 0\nflags : fpu " + flags + "\n", {}).repair;
  };
  EXPECT_EQ(repair("vmx sse"), "sudo modprobe kvm_intel");
  EXPECT_EQ(repair("svm"), "sudo modprobe kvm_amd");
  EXPECT_THAT(repair(""), HasSubstr("in the firmware"));
}

TEST(DoctorKvmTest, WhatWentWrongIsSaid) {
  EXPECT_THAT(CheckKvm({"/no/such/probe"}, "auto", "", {}),
              AllOf(Is(Verdict::kWarn, "/no/such/probe"), Not(Is(Verdict::kWarn, "did not halt"))));
  for (const char* error : {"Permission denied", "Operation not permitted"})
    EXPECT_THAT(CheckKvm({"sh", "-c", "echo \"open '/dev/kvm': $0\" >&2; exit 1", error}, "auto", "", {}).repair,
                HasSubstr(::geteuid() == 0 ? "in a container" : "sudo banger doctor"));
}

}  // namespace
}  // namespace banger::cli
