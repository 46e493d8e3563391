// What a user brings along: the program itself, with a directory in place of a guest.
#include "cli/settings/user_settings.h"

#include <sys/stat.h>

#include <filesystem>

#include "cli/testing/vm_fixture.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(GitIdentityTest, HasAPartOfItsOwn) {
  const std::string ours =
      "# banger: begin\n[user]\n\tname = \"A \\\"B\\\" \\\\ C\"\n\temail = \"a@b\"\n# banger: end\n";
  const GitIdentity identity{.name = "A \"B\" \\ C", .email = "a@b"};
  EXPECT_EQ(WithGitIdentity("", identity), ours);
  EXPECT_EQ(WithGitIdentity("[core]\n\tx = 1", identity), "[core]\n\tx = 1\n" + ours);
  EXPECT_EQ(WithGitIdentity(ours, identity), ours);
  EXPECT_EQ(WithGitIdentity("[a]\n" + WithGitIdentity("", {.name = "old"}) + "[b]\n", identity),
            "[a]\n[b]\n" + ours);
}

TEST(GitIdentityTest, StaysOneValue) {
  const std::string file = WithGitIdentity("", {.name = "x\n[core]\n\tsshCommand = evil", .email = ""});
  EXPECT_THAT(file, HasSubstr("name = \"x [core]  sshCommand = evil\"\n"));
  EXPECT_THAT(file, Not(HasSubstr("email")));
}

class UserSettingsTest : public VmTest {
 protected:
  UserSettingsTest() {
    state_.guest_root = directory_.path() / "guest";
    fs::create_directories(state_.guest_root);
    WriteFile("home/.gitconfig", "[user]\n\tname = Ann\n\temail = ann@example.org\n");
  }
  std::vector<std::string> Environment() const override {
    std::vector<std::string> environment = VmTest::Environment();
    environment.push_back("HOME=" + (directory_.path() / "home").string());
    environment.push_back("BANGER_ROOT=" + directory_.path().string());
    return environment;
  }
  std::string Guest(const std::string& path) const {
    const auto content = ReadFile(state_.guest_root / path);
    return content.ok() ? *content : std::string(content.status().message());
  }
};

TEST_F(UserSettingsTest, GoIntoEachVmThatIsStarted) {
  WriteFile("home/.netrc", "secret");
  WriteFile("config.toml",
            "[[file_sync]]\nhost = \"~/.netrc\"\nguest = \"~/.netrc\"\n"
            "[[file_sync]]\nhost = \"~/.netrc\"\nguest = \"/etc/deep/er/copy\"\nmode = \"0644\"\n");
  for (const std::vector<std::string>& command : {std::vector<std::string>{"vm", "create", "--name", "box"},
                                                  {"vm", "start", "old"},
                                                  {"vm", "restart", "web"}}) {
    fs::remove_all(state_.guest_root);
    fs::create_directories(state_.guest_root / "root");
    const CommandResult result = Run(command);
    EXPECT_EQ(result.status.code, 0) << result.err;
    EXPECT_THAT(result.err, Not(HasSubstr("file_sync")));
    EXPECT_THAT(result.err, Not(HasSubstr("git")));
    EXPECT_EQ(Guest("root/.netrc"), "secret");
    EXPECT_EQ(Guest("etc/deep/er/copy"), "secret");
    struct stat info {};
    ASSERT_EQ(::stat((state_.guest_root / "root/.netrc").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600U);
    EXPECT_THAT(Guest("etc/gitconfig"),
                HasSubstr("[user]\n\tname = \"Ann\"\n\temail = \"ann@example.org\"\n"));
  }
  EXPECT_THAT(state_.Events(), Not(::testing::Contains("read without a deadline")));
}

TEST_F(UserSettingsTest, StayOutOfOneThatRunsAlready) {
  const CommandResult result = Run({"vm", "start", "web"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(state_.Calls("StartVm"), 1);
  EXPECT_EQ(state_.Calls("ReadVmTree") + state_.Calls("WriteVmTree"), 0);
}

TEST_F(UserSettingsTest, AreNotReadForAVmThatDoesNotStart) {
  WriteFile("config.toml", "[[file_sync]]\nhost = \"~/none\"\nguest = \"/a\"\n");
  const CommandResult result = Run({"vm", "create", "--no-start"});
  EXPECT_EQ(result.status.code, 0);
  EXPECT_THAT(result.err, Not(HasSubstr("file_sync")));
}

TEST_F(UserSettingsTest, TheLastOfSeveralGitIdentitiesCounts) {
  WriteFile("home/.gitconfig",
            "[user]\n\tname = Old\n\temail = old@example.org\n[User]\n\tName = \"A\\nB\"\n\tuseConfigOnly = "
            "true\n");
  EXPECT_EQ(Run({"vm", "start", "old"}).status.code, 0);
  EXPECT_THAT(Guest("etc/gitconfig"), HasSubstr("[user]\n\tname = \"A B\"\n\temail = \"old@example.org\"\n"));
}

TEST_F(UserSettingsTest, WhatTheGuestHasOfGitStays) {
  fs::create_directories(state_.guest_root / "etc");
  ASSERT_OK(WriteFileAtomically(state_.guest_root / "etc/gitconfig", "[core]\n\teditor = vi\n"));
  EXPECT_EQ(Run({"vm", "restart", "web"}).status.code, 0);
  EXPECT_THAT(Guest("etc/gitconfig"), ::testing::StartsWith("[core]\n\teditor = vi\n# banger: begin\n"));
  const int writes = state_.Calls("WriteVmTree");
  EXPECT_EQ(Run({"vm", "restart", "web"}).status.code, 0);
  EXPECT_EQ(state_.Calls("WriteVmTree"), writes) << "nothing has changed";
}

TEST_F(UserSettingsTest, AFileThatIsMissingOrTooLargeIsNamedAndTheVmStarts) {
  WriteFile("home/big", std::string((1 << 20) + 1, 'x'));
  WriteFile(
      "config.toml",
      "[[file_sync]]\nhost = \"~/none\"\nguest = \"/a\"\n[[file_sync]]\nhost = \"~/big\"\nguest = \"/b\"\n"
      "[[file_sync]]\nhost = \"/dev/null\"\nguest = \"/c\"\n");
  const CommandResult result = Run({"vm", "start", "old"});
  EXPECT_EQ(result.status.code, 0);
  for (const char* path : {"~/none", "~/big", "/dev/null"})
    EXPECT_THAT(result.err, HasSubstr("warning: file_sync leaves out '" + std::string(path) + "'"));
  EXPECT_FALSE(fs::exists(state_.guest_root / "a"));
}

TEST_F(UserSettingsTest, AWrongConfigurationStopsItBeforeThereIsAVm) {
  WriteFile("config.toml", "[[file_sync]]\nhost = \"x\"\n");
  const CommandResult result = Run({"vm", "create"});
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err, HasSubstr("config.toml:2: file_sync.host is no path"));
  EXPECT_EQ(state_.Calls("CreateVm"), 0);
}

TEST_F(UserSettingsTest, AGuestThatTakesNothingIsAWarning) {
  state_.Fail("WriteVmTree", absl::UnavailableError("gone"));
  const CommandResult result = Run({"vm", "start", "old"});
  EXPECT_EQ(result.status.code, 0);
  EXPECT_THAT(result.err, HasSubstr("warning: git identity of vm 'old': gone"));
}

}  // namespace
}  // namespace banger::cli
