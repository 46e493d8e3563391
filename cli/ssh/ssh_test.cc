#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "cli/ssh/key.h"
#include "cli/ssh/options.h"
#include "cli/ssh/pins.h"
#include "cli/ssh/user_config.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class SshTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    ::setenv("BANGER_ROOT", dir_.path().c_str(), 1);
  }
  void TearDown() override { ::unsetenv("BANGER_ROOT"); }

  std::string Write(const std::string& name, const std::string& content, unsigned mode = 0600) const {
    EXPECT_OK(MakeDirectories((dir_.path() / name).parent_path()));
    EXPECT_OK(WriteFileAtomically(dir_.path() / name, content, mode));
    return dir_.path() / name;
  }
  static unsigned Mode(const fs::path& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  TempDir dir_;
};

TEST_F(SshTest, TheKeyIsMadeOnceAndIsNobodyElses) {
  ASSERT_OK_AND_ASSIGN(const fs::path key, SshKey());
  EXPECT_EQ(key, dir_.path() / "client/ssh/id_ed25519");
  EXPECT_EQ(Mode(key), 0600U);
  EXPECT_EQ(Mode(key.parent_path()), 0700U);
  ASSERT_OK_AND_ASSIGN(const std::string before, ReadFile(key));
  EXPECT_THAT(SshKey(), IsOkAndHolds(key));
  EXPECT_THAT(ReadFile(key), IsOkAndHolds(before));
  ASSERT_OK_AND_ASSIGN(const std::string public_key, PublicKeyOf(key));
  EXPECT_THAT(public_key, StartsWith("ssh-ed25519 AAAA"));
  // Also when the .pub is lost.
  fs::remove(key.string() + ".pub");
  EXPECT_THAT(PublicKeyOf(key), IsOkAndHolds(public_key));
}

TEST_F(SshTest, TwoThatMakeTheKeyTogetherGetTheSame) {
  std::vector<std::string> got(6);
  std::vector<std::thread> threads;
  for (std::string& one : got) {
    threads.emplace_back([&one] {
      const auto key = SshKey();
      one = key.ok() ? PublicKeyOf(*key).value_or("no public key") : key.status().ToString();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(got[0], StartsWith("ssh-ed25519 "));
  EXPECT_THAT(got, Each(got[0]));
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(dir_.path() / "client/ssh"))
    left.push_back(entry.path().filename());
  EXPECT_THAT(left, UnorderedElementsAre("id_ed25519", "id_ed25519.pub"));
}

TEST_F(SshTest, TheConfiguredKeyIsUsed) {
  Write("config.toml", "ssh_key_path = \"" + (dir_.path() / "my keys/vm").string() + "\"");
  EXPECT_THAT(SshKey(), IsOkAndHolds(dir_.path() / "my keys/vm"));
  EXPECT_TRUE(fs::exists(dir_.path() / "my keys/vm.pub"));
  EXPECT_FALSE(fs::exists(dir_.path() / "client"));
}

TEST_F(SshTest, ADirectoryThatOthersMayEnterIsRefused) {
  ASSERT_OK(MakeDirectories(dir_.path() / "client/ssh", 0755));
  EXPECT_THAT(SshKey(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("client/ssh")));
  fs::remove(dir_.path() / "client/ssh");
  fs::create_directory_symlink(dir_.path(), dir_.path() / "client/ssh");
  EXPECT_THAT(SshKey(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(SshTest, ProxyCommandsSurviveShellsAndSsh) {
  EXPECT_THAT(ProxyCommand({}, "/usr/bin/banger", "%h"),
              IsOkAndHolds("'/usr/bin/banger' vm ssh-proxy -- '%h'"));
  ASSERT_OK_AND_ASSIGN(std::string command,
                       ProxyCommand({"BANGER_ROOT=/a b/it's 100%"}, "/opt/x $y/banger", "web.vm"));
  EXPECT_EQ(command, "env 'BANGER_ROOT=/a b/it'\\''s 100%%' '/opt/x $y/banger' vm ssh-proxy -- 'web.vm'");
  // What a shell makes of it.
  command.replace(0, 3, "printf '<%s>'");
  EXPECT_THAT(RunCommandOk({.argv = {"sh", "-c", command}}),
              IsOkAndHolds("<BANGER_ROOT=/a b/it's 100%%></opt/x $y/banger><vm><ssh-proxy><--><web.vm>"));
  EXPECT_THAT(ProxyCommand({"A=1\nHost *"}, "/b", "%h"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SshTest, SshReadsThePathsAsTheyAre) {
  for (const std::string path : {"/plain", "/with blanks/key", "/100%/%h"}) {
    ASSERT_OK_AND_ASSIGN(const std::string quoted, QuotePath(path));
    const std::string file = Write("config", SshConfigText({{"UserKnownHostsFile", quoted}}));
    ASSERT_OK_AND_ASSIGN(const std::string shown,
                         RunCommandOk({.argv = {"ssh", "-F", file, "-G", "web.vm"}}));
    EXPECT_THAT(shown, HasSubstr("userknownhostsfile " + path + "\n"));
  }
  for (const char* path : {"/a\"b", "/a\\b", "/${HOME}", "/a\nb"})
    EXPECT_THAT(QuotePath(path), StatusIs(absl::StatusCode::kInvalidArgument)) << path;
}

TEST_F(SshTest, OnlyThePinOfThatVmIsForgotten) {
  const std::string others = "web.vmx ssh-ed25519 A\nweb2.vm ssh-ed25519 B\n# web.vm \nold.vm ssh-ed25519 C";
  EXPECT_EQ(WithoutHost("web.vm ssh-ed25519 X\n" + others, "web.vm"), others);
  EXPECT_EQ(WithoutHost("web.vm ssh-ed25519 X", "web.vm"), "");

  EXPECT_FALSE(HasPins());
  ForgetPin("web");
  EXPECT_FALSE(fs::exists(dir_.path() / "client"));
  const std::string file = Write("client/ssh/known_hosts", "web.vm ssh-ed25519 X\n" + others);
  EXPECT_TRUE(HasPins());
  ForgetPin("web");
  EXPECT_THAT(ReadFile(file), IsOkAndHolds(others));
}

class UserConfigTest : public SshTest {
 protected:
  void SetUp() override {
    SshTest::SetUp();
    const char* home = std::getenv("HOME");
    home_ = home != nullptr ? home : "";
    ::setenv("HOME", dir_.path().c_str(), 1);
    config_ = dir_.path() / ".ssh/config";
  }
  void TearDown() override {
    ::setenv("HOME", home_.c_str(), 1);
    SshTest::TearDown();
  }

  std::string home_;
  fs::path config_;
};

TEST_F(UserConfigTest, WhatIsInstalledComesOutByteForByte) {
  for (const std::string before :
       {"Host a\n  User b\n", "no newline at the end", "\r\n\tHost x\r\n", "\n\n", "# <<< banger <<<\n"}) {
    Write(".ssh/config", before, 0640);
    ASSERT_OK(InstallInclude(config_, "/x y/config"));
    const auto once = ReadFile(config_);
    ASSERT_OK(once);
    EXPECT_THAT(*once, AllOf(HasSubstr("\nInclude \"/x y/config\"\n"), EndsWith(before)));
    EXPECT_EQ(Mode(config_), 0640U);
    ASSERT_OK(InstallInclude(config_, "/x y/config"));
    EXPECT_THAT(ReadFile(config_), IsOkAndHolds(*once)) << "twice is once";
    // Lines that the user put in front stay as well.
    Write(".ssh/config", "# mine\n" + *once, 0640);
    EXPECT_THAT(UninstallInclude(config_), IsOkAndHolds(true));
    EXPECT_THAT(ReadFile(config_), IsOkAndHolds("# mine\n" + before));
    EXPECT_THAT(UninstallInclude(config_), IsOkAndHolds(false));
  }
}

TEST_F(UserConfigTest, AFileOfItsOwnIsPrivateAndGoesAgain) {
  ASSERT_OK(InstallInclude(config_, "/c"));
  EXPECT_EQ(Mode(config_), 0600U);
  EXPECT_EQ(Mode(config_.parent_path()), 0700U);
  EXPECT_THAT(UninstallInclude(config_), IsOkAndHolds(true));
  EXPECT_FALSE(fs::exists(config_));
  EXPECT_THAT(UninstallInclude(config_), IsOkAndHolds(false));
}

TEST_F(UserConfigTest, ALinkStaysALink) {
  Write("dotfiles/ssh", "Host a\n");
  ASSERT_OK(MakeDirectories(dir_.path() / ".ssh"));
  fs::create_symlink("../dotfiles/link", config_);
  fs::create_symlink("ssh", dir_.path() / "dotfiles/link");
  ASSERT_OK_AND_ASSIGN(const fs::path real, UserSshConfig());
  ASSERT_OK(InstallInclude(real, "/c"));
  EXPECT_TRUE(fs::is_symlink(config_));
  EXPECT_TRUE(fs::is_symlink(dir_.path() / "dotfiles/link"));
  EXPECT_THAT(ReadFile(dir_.path() / "dotfiles/ssh"), IsOkAndHolds(HasSubstr("Include \"/c\"\n")));
  fs::remove(config_);
  fs::create_symlink(config_.filename(), config_);
  EXPECT_THAT(UserSshConfig(), Not(IsOk()));
}

TEST_F(UserConfigTest, AFenceWithoutAnEndIsLeftToTheUser) {
  ASSERT_OK(InstallInclude(config_, "/c"));
  std::string text = ReadFile(config_).value_or("");
  text.erase(text.find("# <<<"));
  Write(".ssh/config", text + "Host mine\n");
  EXPECT_THAT(UninstallInclude(config_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(".ssh/config")));
  EXPECT_THAT(InstallInclude(config_, "/c"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadFile(config_), IsOkAndHolds(text + "Host mine\n"));
}

}  // namespace
}  // namespace banger::cli
