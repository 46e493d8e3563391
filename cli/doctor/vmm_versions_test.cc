#include "cli/doctor/vmm_versions.h"

#include "cli/doctor/testing/is.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

TEST(DoctorVmmsTest, VmmsAreJudgedByTheirVersions) {
  EXPECT_THAT(JudgeQemu("QEMU emulator version 7.2.19 (Debian 1:7.2+dfsg-7)\n"),
              Is(Verdict::kPass, "7.2.19"));
  EXPECT_THAT(JudgeQemu("QEMU emulator version 6.2.0\n"), Is(Verdict::kWarn, "6.2.0"));
  for (const std::string vulnerable : {"7.2.10", "8.0.5", "8.1.5", "8.2.2"})
    EXPECT_THAT(JudgeQemu("QEMU emulator version " + vulnerable), Is(Verdict::kWarn, "CVE-2024-3446"));
  EXPECT_THAT(JudgeQemu("QEMU emulator version 8.2.2").repair, ::testing::HasSubstr("ask your distribution"));
  for (const std::string repaired : {"7.2.11", "8.2.3", "9.0.0", "10.0.8", "11.0.3"})
    EXPECT_THAT(JudgeQemu("QEMU emulator version " + repaired), Is(Verdict::kPass, repaired));
  EXPECT_THAT(JudgeQemu("Segmentation fault\n"), Is(Verdict::kFail, "Segmentation"));
  EXPECT_THAT(JudgeFirecracker("Firecracker v1.14.4\n"), Is(Verdict::kPass, "1.14.4"));
  EXPECT_THAT(JudgeFirecracker("Firecracker v1.14.3\n"), Is(Verdict::kFail, "vulnerabilities"));
  EXPECT_THAT(JudgeFirecracker("Firecracker v1.15.0\n"), Is(Verdict::kFail, "vulnerabilities"));
}

class DoctorVmmsOfHostTest : public ::testing::Test {
 protected:
  // A program that says so of itself.
  std::string Program(const std::string& name, const std::string& version) const {
    const std::string path = directory_.path() / name;
    EXPECT_OK(WriteFileAtomically(path, "#!/bin/sh\necho '" + version + "'\n", 0755));
    return path;
  }
  static Findings Check(const std::string& vmm, const std::string& qemu, const std::string& firecracker,
                        bool kvm_works = true, const std::string& path = "") {
    Config config;
    config.vmm = vmm;
    config.qemu_bin = qemu;
    config.firecracker_bin = firecracker;
    return CheckVmms(config, kvm_works, path, {});
  }

  const TempDir directory_ = *TempDir::Create();
  const std::string qemu_ = Program("qemu", "QEMU emulator version 9.0.0");
  const std::string firecracker_ = Program("firecracker", "Firecracker v1.14.4");
  const std::string old_firecracker_ = Program("old", "Firecracker v1.14.3");
  const std::string none_ = directory_.path() / "none";
};

TEST_F(DoctorVmmsOfHostTest, WithoutTheVmmThatIsConfiguredNoVmRuns) {
  EXPECT_THAT(Check("firecracker", none_, none_), ElementsAre(Is(Verdict::kFail, none_)));
  EXPECT_THAT(Check("qemu", none_, firecracker_), ElementsAre(Is(Verdict::kFail, none_)));
  EXPECT_THAT(Check("auto", none_, none_), ElementsAre(Is(Verdict::kFail, none_)));
  EXPECT_THAT(Check("firecracker", qemu_, old_firecracker_),
              ElementsAre(Is(Verdict::kFail, "1.14.3 has published")));
}

// Which may not be the PATH of whoever asks the doctor.
TEST_F(DoctorVmmsOfHostTest, AreLookedForWhereVmdLooks) {
  EXPECT_THAT(Check("qemu", "qemu", none_, true, none_ + ":" + directory_.path().string()),
              ElementsAre(Is(Verdict::kPass, "9.0.0")));
  EXPECT_THAT(Check("qemu", "qemu", none_, true, none_), ElementsAre(Is(Verdict::kFail, "'qemu' is not")));
}

TEST_F(DoctorVmmsOfHostTest, AutoNeedsOneThatRunsVmsHere) {
  EXPECT_THAT(Check("auto", none_, firecracker_), ElementsAre(Is(Verdict::kPass, "1.14.4")));
  EXPECT_THAT(Check("auto", none_, firecracker_, false),
              ElementsAre(Is(Verdict::kPass, "1.14.4"), Is(Verdict::kFail, none_)));
  EXPECT_THAT(Check("auto", none_, old_firecracker_), Contains(Is(Verdict::kFail, none_)));
}

TEST_F(DoctorVmmsOfHostTest, WhatIsNotUsedDoesNotFail) {
  EXPECT_THAT(Check("auto", qemu_, old_firecracker_),
              ElementsAre(Is(Verdict::kWarn, "1.14.3 has published"), Is(Verdict::kPass, "9.0.0")));
  EXPECT_THAT(Check("qemu-tcg", qemu_, old_firecracker_), ElementsAre(Is(Verdict::kPass, "9.0.0")));
  EXPECT_THAT(Check("auto", Program("broken", "no"), firecracker_),
              ElementsAre(Is(Verdict::kPass, "1.14.4"), Is(Verdict::kWarn, "says 'no'")));
}

}  // namespace
}  // namespace banger::cli
