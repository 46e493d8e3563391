#include <unistd.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/system/host_files.h"
#include "cli/system/links.h"
#include "cli/system/systemd.h"
#include "cli/system/vmms.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "tests/install/installation.h"

namespace banger {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

// `banger system` of an installation in an odd place, upon the tree of another system.
class SystemCommandsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    installation_ = new TempDir(*TempDir::Create());
    ASSERT_OK(Install(installation_->path()));
  }
  static void TearDownTestSuite() { delete installation_; }

  void SetUp() override {
    ASSERT_OK(MakeDirectories(root_.path() / "etc", 0755));
    ASSERT_OK(WriteFileAtomically(root_.path() / "etc/passwd",
                                  "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
                                  0644));
    ASSERT_OK(WriteFileAtomically(root_.path() / "etc/group", "root:x:0:\nalice:x:1000:\n", 0644));
  }

  static CommandResult System(std::vector<std::string> words) {
    words.insert(words.begin(), {installation_->path() / "bin/banger", "system"});
    return *RunCommand({.argv = std::move(words)});
  }
  CommandResult InstallFor(const std::string& owner) {
    return System({"install", "--owner", owner, "--root", root_.path()});
  }

  std::string File(const std::string& path) const { return ReadFile(root_.path() / path).value_or("(none)"); }

  static inline TempDir* installation_ = nullptr;
  const TempDir root_ = *TempDir::Create();
};

TEST_F(SystemCommandsTest, InstallWritesUnitsUsersDirectoriesAndConfig) {
  const CommandResult installed = InstallFor("alice");
  ASSERT_TRUE(installed.status.success()) << installed.err;
  EXPECT_THAT(File("etc/systemd/system/banger-vmd.service"),
              HasSubstr(absl::StrCat("\nExecStart=",
                                     (installation_->path() / "libexec/banger/banger-vmd").string())));
  EXPECT_TRUE(fs::is_symlink(root_.path() / "etc/systemd/system/multi-user.target.wants/banger.target"));
  EXPECT_THAT(File("etc/passwd"), HasSubstr("\nbanger:x:"));
  EXPECT_THAT(File("etc/group"), ::testing::ContainsRegex("banger:x:[0-9]+:alice"));
  EXPECT_TRUE(fs::is_directory(root_.path() / "var/lib/banger"));
  EXPECT_THAT(File("etc/banger/config.toml"), HasSubstr("log_level = \"info\""));
}

// One that 'banger update' has put there.
TEST_F(SystemCommandsTest, UnitsOfANewerBangerAreCopiedAsWell) {
  const fs::path unit = installation_->path() / "lib/systemd/system/banger-later.service";
  ASSERT_OK(WriteFileAtomically(unit, "[Service]\n", 0644));
  const CommandResult installed = InstallFor("alice");
  fs::remove(unit);
  ASSERT_TRUE(installed.status.success()) << installed.err;
  EXPECT_EQ(File("etc/systemd/system/banger-later.service"), "[Service]\n");
}

TEST_F(SystemCommandsTest, InstallingAgainKeepsTheConfigurationAndTakesAnotherOwner) {
  ASSERT_TRUE(InstallFor("alice").status.success());
  ASSERT_OK(WriteFileAtomically(root_.path() / "etc/banger/config.toml", "log_level = \"debug\"\n", 0644));
  ASSERT_TRUE(InstallFor("root").status.success());
  EXPECT_EQ(File("etc/banger/config.toml"), "log_level = \"debug\"\n");
  EXPECT_THAT(File("etc/group"), ::testing::ContainsRegex("banger:x:[0-9]+:alice,root"));
}

TEST_F(SystemCommandsTest, UnitsThatSystemdFindsAreNotCopied) {
  ASSERT_OK(Install(root_.path() / "usr", "host"));
  ASSERT_TRUE(InstallFor("alice").status.success());
  EXPECT_FALSE(fs::exists(root_.path() / "etc/systemd/system/banger-vmd.service"));
  EXPECT_TRUE(fs::is_symlink(root_.path() / "etc/systemd/system/multi-user.target.wants/banger.target"));
}

// What systemd runs then is not what was installed.
TEST_F(SystemCommandsTest, UnitsOfAnotherInstallationAreNotOverlooked) {
  ASSERT_TRUE(InstallFor("alice").status.success());  // into /etc
  ASSERT_OK(Install(root_.path() / "usr", "host"));
  const CommandResult refused = InstallFor("alice");
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("etc/systemd/system/banger-netd.service' has systemd run '" +
                                     (installation_->path() / "libexec/banger/banger-netd").string() + "'"));
  // An edited copy of the installation's own is well.
  const fs::path units = root_.path() / "etc/systemd/system";
  for (const auto& unit : fs::directory_iterator(root_.path() / "usr/lib/systemd/system"))
    fs::copy_file(unit.path(), units / unit.path().filename(), fs::copy_options::overwrite_existing);
  EXPECT_EQ(InstallFor("alice").err.find("another installation"), std::string::npos);
}

TEST_F(SystemCommandsTest, NothingIsWrittenForAUserWhoIsNotThere) {
  const std::vector<std::string> before = FilesBelow(root_.path());
  const CommandResult refused = InstallFor("nobody-here");
  EXPECT_THAT(refused.err, HasSubstr("there is no user 'nobody-here'"));
  EXPECT_EQ(refused.status.code, 3);
  EXPECT_EQ(InstallFor("alice\nu evil").status.code, 2);
  EXPECT_EQ(FilesBelow(root_.path()), before);
}

TEST_F(SystemCommandsTest, UninstallTakesAwayWhatWasWrittenAndPurgeAllTheRest) {
  ASSERT_TRUE(InstallFor("alice").status.success());
  ASSERT_OK(WriteFileAtomically(root_.path() / "var/lib/banger/vmd.sqlite3", "", 0600));
  ASSERT_TRUE(System({"uninstall", "--root", root_.path()}).status.success());
  for (const std::string& file : FilesBelow(root_.path() / "etc/systemd"))
    EXPECT_THAT(file, Not(HasSubstr("banger")));
  EXPECT_TRUE(fs::exists(root_.path() / "var/lib/banger/vmd.sqlite3"));
  EXPECT_TRUE(fs::exists(root_.path() / "etc/banger/config.toml"));

  const CommandResult purged = System({"uninstall", "--purge", "--root", root_.path()});
  ASSERT_TRUE(purged.status.success()) << purged.err;
  for (const std::string& file : FilesBelow(root_.path())) EXPECT_THAT(file, Not(HasSubstr("banger")));
}

// A disk that is full, a computer that loses its power.
TEST_F(SystemCommandsTest, AnInstallationThatWasInterruptedIsTakenAway) {
  const fs::path units = root_.path() / "etc/systemd/system";
  ASSERT_OK(MakeDirectories(units / "banger.target/in the way", 0755));
  EXPECT_EQ(InstallFor("alice").status.code, 1);
  EXPECT_THAT(cli::UnitsOf(root_.path()), ::testing::Contains("banger-gateway.service"));
  fs::remove_all(units / "banger.target");
  EXPECT_FALSE(cli::HasUnits(root_.path()));
  EXPECT_THAT(cli::UnitsOf(root_.path()), ::testing::SizeIs(5));
  ASSERT_TRUE(System({"uninstall", "--root", root_.path()}).status.success());
  EXPECT_THAT(cli::UnitsOf(root_.path()), ::testing::IsEmpty());
}

TEST_F(SystemCommandsTest, WhatTheAdministratorWroteStays) {
  ASSERT_TRUE(InstallFor("alice").status.success());
  const fs::path units = root_.path() / "etc/systemd/system";
  fs::remove(units / "banger-netd.service");
  fs::create_symlink("/dev/null", units / "banger-netd.service");  // systemctl mask
  ASSERT_TRUE(System({"uninstall", "--root", root_.path()}).status.success());
  EXPECT_TRUE(fs::is_symlink(units / "banger-netd.service"));
  EXPECT_FALSE(fs::exists(units / "banger-vmd.service"));

  // systemctl edit --full of a package's unit.
  ASSERT_OK(Install(root_.path() / "usr", "host"));
  ASSERT_OK(WriteFileAtomically(units / "banger-vmd.service", "[Service]\nNice=5\n", 0644));
  ASSERT_OK(WriteFileAtomically(root_.path() / "etc/tmpfiles.d/banger.conf", "# mine\n", 0644));
  ASSERT_TRUE(System({"uninstall", "--root", root_.path()}).status.success());
  EXPECT_EQ(File("etc/systemd/system/banger-vmd.service"), "[Service]\nNice=5\n");
  EXPECT_EQ(File("etc/tmpfiles.d/banger.conf"), "# mine\n");
}

// Where there is more space than on /var.
TEST_F(SystemCommandsTest, APurgeEmptiesWhatIsLinkedOrMounted) {
  const fs::path disks = root_.path() / "srv/disks";
  ASSERT_OK(MakeDirectories(disks / "vms"));
  ASSERT_OK(WriteFileAtomically(disks / "vms/web", ""));
  ASSERT_OK(MakeDirectories(root_.path() / "var/lib"));
  ASSERT_OK(MakeDirectories(root_.path() / "var/cache/banger"));
  fs::create_directory_symlink("../../srv/disks", root_.path() / "var/lib/banger");
  std::vector<std::string> argv = {
      "unshare",
      "--mount",
      "sh",
      "-ec",
      "mount -t tmpfs tmpfs \"$0/var/cache/banger\"; touch \"$0/var/cache/banger/oci\"\n"
      "\"$1\" system uninstall --purge --root \"$0\"; ls \"$0/var/cache/banger\"",
      root_.path(),
      installation_->path() / "bin/banger"};
  if (::geteuid() != 0) argv.insert(argv.begin() + 1, {"--user", "--map-root-user"});
  const auto purged = RunCommand({.argv = argv});
  ASSERT_OK(purged);
  if (absl::StrContains(purged->err, "unshare")) GTEST_SKIP() << purged->err;
  EXPECT_EQ(absl::StrCat(purged->status.ToString(), purged->out, purged->err), "exit code 0");
  EXPECT_FALSE(fs::exists(fs::symlink_status(root_.path() / "var/lib/banger")));
  EXPECT_TRUE(fs::is_empty(disks));
}

// Root works upon a tree that somebody else may have made.
TEST_F(SystemCommandsTest, NothingIsTouchedOutsideOfTheTree) {
  const TempDir outside = *TempDir::Create();
  ASSERT_OK(MakeDirectories(outside.path() / "banger"));
  ASSERT_OK(WriteFileAtomically(outside.path() / "banger/kept", "", 0600));
  for (const std::string link : {"etc/systemd", "etc/banger", "var"}) {
    fs::remove_all(root_.path() / link);
    fs::create_directory_symlink(outside.path(), root_.path() / link);
    const CommandResult refused =
        link == "var" ? System({"uninstall", "--purge", "--root", root_.path()}) : InstallFor("alice");
    EXPECT_THAT(refused.err, HasSubstr("leads out of the tree, to '" + outside.path().string())) << link;
    EXPECT_EQ(refused.status.code, 1) << link;
    EXPECT_EQ(FilesBelow(outside.path()), std::vector<std::string>{"banger/kept"}) << link;
    fs::remove(root_.path() / link);
  }
}

TEST_F(SystemCommandsTest, WithoutSystemdTheySaySo) {
  if (fs::exists("/run/systemd/system")) GTEST_SKIP() << "systemd runs here";
  for (const std::string verb : {"status", "restart", "uninstall"}) {
    const CommandResult refused = System({verb});
    EXPECT_THAT(refused.err, HasSubstr("this host does not run systemd")) << verb;
    EXPECT_EQ(refused.status.code, 1) << verb;
  }
  for (const std::string root : {"/", "//", "/etc/.."})
    EXPECT_THAT(System({"install", "--owner", "root", "--root", root}).err,
                HasSubstr("this host does not run systemd"));
}

TEST_F(SystemCommandsTest, UninstallIsNotForAnotherHost) {
  const auto refused = RunCommand(
      {.argv = {installation_->path() / "bin/banger", "system", "uninstall", "--root", root_.path()},
       .env = std::vector<std::string>{"BANGER_CONTEXT=lab"}});
  ASSERT_OK(refused);
  EXPECT_THAT(refused->err, HasSubstr("run it on that of context 'lab'"));
  EXPECT_EQ(refused->status.code, 2);
}

TEST_F(SystemCommandsTest, ABuildTreeIsNoInstallation) {
  const auto refused = RunCommand({.argv = {BANGER_BUILD_DIR "/bin/banger", "system", "install", "--owner",
                                            "alice", "--root", root_.path()}});
  ASSERT_OK(refused);
  EXPECT_THAT(refused->err, HasSubstr("no daemons are installed beside this program"));
}

TEST(UnitStatesTest, AreReadFromWhatSystemctlShows) {
  const std::vector<cli::UnitState> states = cli::ParseUnitStates(
      "MainPID=133\nId=banger-vmd.service\nActiveState=active\nSubState=running\n"
      "StateChangeTimestamp=Sun 2026-11-22 06:56:50 UTC\n\n"
      "MainPID=0\nId=banger-netd.service\nActiveState=failed\nSubState=failed\nStateChangeTimestamp=\n");
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[0].unit, "banger-vmd.service");
  EXPECT_EQ(states[0].pid, "133");
  EXPECT_EQ(states[0].since, "Sun 2026-11-22 06:56:50 UTC");
  EXPECT_EQ(states[1].active, "failed");
}

// Before a systemctl that fails as the real one does.
TEST(RestartDaemonsTest, NamesEveryUnitAndTellsOfOneThatDoesNotStart) {
  const TempDir directory = *TempDir::Create();
  const std::string systemctl = directory.path() / "systemctl";
  ASSERT_OK(WriteFileAtomically(systemctl,
                                "#!/bin/sh\necho \"$@\" >\"${0%/*}/said\"\n"
                                "echo 'Job for banger-vmd.service failed.' >&2\nexit 1\n",
                                0755));
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", absl::StrCat(directory.path().string(), ":", path).c_str(), 1);
  EXPECT_THAT(cli::RestartDaemons(cli::Systemd("/"), {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("banger-vmd.service failed")));
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(ReadFile(directory.path() / "said"),
              IsOkAndHolds("restart banger.target banger-netd.service banger-kerneld.service "
                           "banger-imaged.service banger-vmd.service banger-gateway.service\n"));
}

TEST(VmmsTest, AreWhatIsInTheGroupOfVmdButVmd) {
  const TempDir group = *TempDir::Create();
  EXPECT_TRUE(cli::Vmms(group.path() / "none", 1).empty());
  EXPECT_OK(cli::KillGroup(group.path() / "none", {}));
  ASSERT_OK(MakeDirectories(group.path() / "vms/web"));
  ASSERT_OK(WriteFileAtomically(group.path() / "cgroup.procs", "133\n140\n"));
  ASSERT_OK(WriteFileAtomically(group.path() / "vms/web/cgroup.procs", "141\n"));
  EXPECT_THAT(cli::Vmms(group.path(), 133), ::testing::UnorderedElementsAre(140, 141));
}

TEST(LinksOfNetdTest, AreKnownByTheirMark) {
  const TempDir interfaces = *TempDir::Create();
  const auto add = [&](const std::string& name, const std::string& alias) {
    EXPECT_OK(MakeDirectories(interfaces.path() / name));
    EXPECT_OK(WriteFileAtomically(interfaces.path() / name / "ifalias", alias));
    return cli::HasLinksOfNetd(interfaces.path());
  };
  EXPECT_FALSE(add("eth0", "\n"));
  EXPECT_FALSE(add("br-mine", "banger:br-mine:/srv/mine/netd\n"));
  EXPECT_TRUE(add("bgr-1", "banger:br-banger:/run/banger-netd:999:web\n"));
  EXPECT_FALSE(add("bgr-1", "banger:br-banger:/run/banger-netd-2:999:web\n"));
  EXPECT_TRUE(add("br-banger", "banger:br-banger:/run/banger-netd\n"));
}

}  // namespace
}  // namespace banger
