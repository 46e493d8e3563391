#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "tests/install/installation.h"

namespace banger {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

constexpr const char* kDaemons[] = {"gateway", "imaged", "kerneld", "netd", "vmd"};

class UnitsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TempDir(*TempDir::Create());
    ASSERT_OK(Install(directory_->path(), "host"));
  }
  static void TearDownTestSuite() { delete directory_; }

  static fs::path Unit(const std::string& name) { return directory_->path() / "lib/systemd/system" / name; }
  static fs::path Service(const std::string& daemon) {
    return Unit(absl::StrCat("banger-", daemon, ".service"));
  }

  static inline TempDir* directory_ = nullptr;
};

// Programs must be where the units say, for one.
TEST_F(UnitsTest, SystemdHasNothingToComplainAbout) {
  std::vector<std::string> argv = {"systemd-analyze", "verify", "--man=no", Unit("banger.target")};
  for (const char* daemon : kDaemons) argv.push_back(Service(daemon));
  EXPECT_THAT(OutputOf(argv), IsOkAndHolds(IsEmpty()));
}

// systemd-analyze fails above the threshold, which is in tenths.
TEST_F(UnitsTest, ExposureIsAtMost15AndNetdsAtMost35) {
  for (const std::string daemon : kDaemons) {
    const std::string threshold = absl::StrCat("--threshold=", daemon == "netd" ? 35 : 15);
    EXPECT_OK(
        OutputOf({"systemd-analyze", "security", "--offline=true", "--no-pager", threshold, Service(daemon)})
            .status());
  }
}

// As tests of one build do.
TEST_F(UnitsTest, SeveralInstallationsAtATimeNameTheirOwnPrograms) {
  const TempDir work = *TempDir::Create();
  const TempDir prefixes = *TempDir::Create();
  std::map<fs::path, Subprocess> running;
  for (int i = 0; i < 6; ++i) {
    const fs::path prefix = prefixes.path() / absl::StrCat("prefix-", i);
    ASSERT_OK_AND_ASSIGN(Subprocess started,
                         Subprocess::Start({.argv = InstallUnits(prefix, work.path(), 252)}));
    running.emplace(prefix, std::move(started));
  }
  for (auto& [prefix, cmake] : running) {
    EXPECT_THAT(cmake.Wait(), IsOkAndHolds(::testing::Property(&ExitStatus::success, true)));
    for (const char* daemon : kDaemons)
      EXPECT_THAT(ReadFile(prefix / absl::StrCat("lib/systemd/system/banger-", daemon, ".service")),
                  IsOkAndHolds(HasSubstr(absl::StrCat("\nExecStart=", prefix.string(), "/libexec/"))));
  }
  EXPECT_TRUE(fs::is_empty(work.path()));
}

// Also of those that delegate cgroups to vmd, whatever systemd is here.
TEST_F(UnitsTest, VmdsExposureIsTheSameForANewerSystemd) {
  for (const int version : {252, 254}) {
    const TempDir prefix = *TempDir::Create();
    ASSERT_OK(OutputOf(InstallUnits(prefix.path(), prefix.path(), version)).status());
    const fs::path unit = prefix.path() / "lib/systemd/system/banger-vmd.service";
    ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(unit));
    EXPECT_EQ(absl::StrContains(text, "\nDelegateSubgroup=banger-vmd\n"), version >= 254);
    EXPECT_OK(
        OutputOf({"systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit})
            .status());
  }
}

TEST_F(UnitsTest, EveryDaemonReportsThatItIsReadyAndStopsWithTheTarget) {
  ASSERT_OK_AND_ASSIGN(const std::string target, ReadFile(Unit("banger.target")));
  for (const char* daemon : kDaemons) {
    ASSERT_OK_AND_ASSIGN(const std::string unit, ReadFile(Service(daemon)));
    EXPECT_THAT(unit, HasSubstr("\nType=notify\n")) << daemon;
    EXPECT_THAT(unit, HasSubstr("\nPartOf=banger.target\n")) << daemon;
    EXPECT_THAT(unit, HasSubstr("\nRuntimeDirectoryPreserve=yes\n")) << daemon;
    EXPECT_THAT(target, HasSubstr(absl::StrCat("banger-", daemon, ".service"))) << daemon;
  }
}

TEST_F(UnitsTest, OnlyVmdLeavesItsProcessesAlone) {
  for (const std::string daemon : kDaemons) {
    ASSERT_OK_AND_ASSIGN(const std::string unit, ReadFile(Service(daemon)));
    EXPECT_EQ(absl::StrContains(unit, "\nKillMode=process\n"), daemon == "vmd") << daemon;
    EXPECT_EQ(absl::StrContains(unit, "\nUser=banger\n"), daemon != "netd") << daemon;
  }
}

TEST_F(UnitsTest, UsersAndDirectoriesAreAccepted) {
  const TempDir root = *TempDir::Create();
  ASSERT_OK(MakeDirectories(root.path() / "etc", 0755));
  EXPECT_OK(OutputOf({"systemd-sysusers", absl::StrCat("--root=", root.path().string()),
                      "--replace=/usr/lib/sysusers.d/banger.conf",
                      directory_->path() / "lib/sysusers.d/banger.conf"})
                .status());
  ASSERT_OK_AND_ASSIGN(const std::string users, ReadFile(root.path() / "etc/passwd"));
  EXPECT_THAT(users, HasSubstr("banger:x:"));
  ASSERT_OK_AND_ASSIGN(const std::string groups, ReadFile(root.path() / "etc/group"));
  EXPECT_THAT(groups, ::testing::ContainsRegex("kvm:x:[0-9]+:banger"));
}

}  // namespace
}  // namespace banger
