#include "cli/doctor/kvm.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor/testing/is.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

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
  EXPECT_THAT(CheckKvm({"false"}, "firecracker", "", {}),
              Is(Verdict::kFail, "vmm = \"firecracker\" needs it"));
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
    EXPECT_THAT(
        CheckKvm({"sh", "-c", "echo \"open '/dev/kvm': $0\" >&2; exit 1", error}, "auto", "", {}).repair,
        HasSubstr(::geteuid() == 0 ? "in a container" : "sudo banger doctor"));
}

// Root may open it whatever its mode is.
TEST(DoctorKvmTest, TheDaemonsUserMustBeAbleToOpenIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give files away";
  const TempDir directory = *TempDir::Create();
  const std::string device = directory.path() / "kvm";
  ASSERT_OK(WriteFileAtomically(device, "", 0660));
  const auto judged = [&](gid_t group, mode_t mode) {
    EXPECT_EQ(::chown(device.c_str(), 0, group), 0);
    EXPECT_EQ(::chmod(device.c_str(), mode), 0);
    return ForUser(Pass("kvm", "runs a vCPU"), "nobody", device, "auto");
  };
  const gid_t own = ::getpwnam("nobody")->pw_gid;
  const gid_t tty = ::getgrnam("tty")->gr_gid;
  EXPECT_THAT(judged(own, 0660), Is(Verdict::kPass, "runs a vCPU"));
  EXPECT_THAT(judged(0, 0666), Is(Verdict::kPass, "runs a vCPU"));
  EXPECT_THAT(judged(own, 0640), Is(Verdict::kWarn, "user 'nobody' may not open '" + device));
  EXPECT_EQ(judged(tty, 0660).repair, "sudo usermod -aG tty nobody && sudo banger system restart");
  EXPECT_EQ(judged(0, 0660).repair, "sudo chgrp kvm " + device + " && sudo chmod 0660 " + device);
  EXPECT_THAT(ForUser(Pass("kvm", ""), "nobody", device, "firecracker"), Is(Verdict::kFail, "needs it"));
  EXPECT_THAT(ForUser(Pass("kvm", ""), "no-such-user", device, "auto"), Is(Verdict::kPass, ""));
}

}  // namespace
}  // namespace banger::cli
