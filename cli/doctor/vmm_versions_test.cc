#include "cli/doctor/vmm_versions.h"

#include "cli/doctor/testing/is.h"

namespace banger::cli {
namespace {

using ::testing::Contains;

TEST(DoctorVmmsTest, VmmsAreJudgedByTheirVersions) {
  EXPECT_THAT(JudgeQemu("QEMU emulator version 7.2.19 (Debian 1:7.2+dfsg-7)\n"),
              Is(Verdict::kPass, "7.2.19"));
  EXPECT_THAT(JudgeQemu("QEMU emulator version 6.2.0\n"), Is(Verdict::kWarn, "6.2.0"));
  for (const std::string vulnerable : {"7.2.10", "8.0.5", "8.1.5", "8.2.2"})
    EXPECT_THAT(JudgeQemu("QEMU emulator version " + vulnerable), Is(Verdict::kWarn, "CVE-2024-3446"));
  for (const std::string repaired : {"7.2.11", "8.2.3", "9.0.0", "10.0.8", "11.0.3"})
    EXPECT_THAT(JudgeQemu("QEMU emulator version " + repaired), Is(Verdict::kPass, repaired));
  EXPECT_THAT(JudgeQemu("Segmentation fault\n"), Is(Verdict::kFail, "Segmentation"));
  EXPECT_THAT(JudgeFirecracker("Firecracker v1.14.4\n"), Is(Verdict::kPass, "1.14.4"));
  EXPECT_THAT(JudgeFirecracker("Firecracker v1.14.3\n"), Is(Verdict::kFail, "vulnerabilities"));
  EXPECT_THAT(JudgeFirecracker("Firecracker v1.15.0\n"), Is(Verdict::kFail, "vulnerabilities"));
}

TEST(DoctorVmmsTest, WithoutAnyVmmNoVmRuns) {
  Config config;
  config.qemu_bin = "/nowhere/qemu";
  config.firecracker_bin = "/nowhere/firecracker";
  EXPECT_THAT(CheckVmms(config, {}), Contains(Is(Verdict::kFail, "/nowhere/qemu")));
  config.vmm = "firecracker";
  EXPECT_THAT(CheckVmms(config, {}), Contains(Is(Verdict::kFail, "/nowhere/firecracker")));
}

}  // namespace
}  // namespace banger::cli
