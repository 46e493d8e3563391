// `vm ssh`, its proxy and `ssh-config`, where a script plays ssh.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/errors.h"
#include "cli/testing/vm_fixture.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class VmSshTest : public VmTest {
 protected:
  VmSshTest() {
    const std::string ssh = WriteFile("bin/ssh", "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 9\n");
    std::filesystem::permissions(ssh, std::filesystem::perms::owner_all);
  }
  // With a home of its own.
  CommandResult Banger(std::vector<std::string> arguments, const std::string& path = "") const {
    arguments.insert(arguments.begin(), BangerProgram());
    std::vector<std::string> environment = Environment();
    environment.push_back(absl::StrCat("BANGER_ROOT=", directory_.path().string()));
    environment.push_back(absl::StrCat("HOME=", directory_.path().string()));
    environment.push_back(
        absl::StrCat("PATH=", path.empty() ? (directory_.path() / "bin").string() + ":/usr/bin:/bin" : path));
    std::erase(environment, "PATH=/usr/bin:/bin");
    return *RunCommand({.argv = arguments, .env = environment});
  }
};

TEST_F(VmSshTest, SshIsTheHostsOwnWithItsExitCode) {
  const CommandResult result = Banger({"vm", "ssh", "-t", "me@web", "--", "-v", "a b", "$HOME"});
  EXPECT_EQ(result.status.code, 9) << result.err;
  const std::vector<std::string> argv = absl::StrSplit(result.out, '\n');
  EXPECT_EQ(argv[0], "-oUser=me");
  EXPECT_THAT(argv,
              AllOf(Contains("-oHostKeyAlias=web.vm"), Contains("-oIdentitiesOnly=yes"),
                    Contains("-oStrictHostKeyChecking=accept-new"),
                    Contains(AllOf(StartsWith("-oProxyCommand=env 'BANGER_ROOT="),
                                   EndsWith("' vm ssh-proxy -- 'web.vm'"))),
                    Contains(AllOf(StartsWith("-oIdentityFile=\""), EndsWith("/client/ssh/id_ed25519\"")))));
  EXPECT_THAT(result.out, EndsWith("\n-t\n--\nweb.vm\n-v\na b\n$HOME\n"));
}

TEST_F(VmSshTest, AVmIsKnownByItsNameAlsoWhenItsIdIsGiven) {
  EXPECT_THAT(Banger({"vm", "ssh", "aaaa"}).out, EndsWith("\n--\nweb.vm\n"));
}

TEST_F(VmSshTest, WhatCannotWorkIsSaidBeforeSshRuns) {
  CommandResult result = Banger({"vm", "ssh", "old"});
  EXPECT_EQ(result.status.code, kExitFailed);
  EXPECT_THAT(result.err, AllOf(HasSubstr("ssh to vm 'old'"), HasSubstr("banger vm start old")));
  Add("still", "cccccccccccc", vm::v1::Vm::STATE_PAUSED);
  Add("young", "dddddddddddd", vm::v1::Vm::STATE_STARTING);
  EXPECT_THAT(Banger({"vm", "ssh", "still"}).err,
              AllOf(HasSubstr("it is paused (VM_PAUSED)"), HasSubstr("banger vm resume still")));
  EXPECT_THAT(Banger({"vm", "ssh", "young"}).err,
              AllOf(HasSubstr("it is still starting"), Not(HasSubstr("vm start"))));
  EXPECT_EQ(Banger({"vm", "ssh", "nobody"}).status.code, kExitNotFound);
  EXPECT_EQ(Banger({"vm", "ssh", "me@"}).status.code, kExitUsage);
  EXPECT_EQ(Banger({"vm", "ssh", "@web"}).status.code, kExitUsage);
  result = Banger({"vm", "ssh", "web"}, "/nowhere");
  EXPECT_EQ(result.status.code, kExitFailed);
  EXPECT_THAT(result.err, AllOf(HasSubstr("'ssh' is not in PATH"), HasSubstr("openssh-client")));
}

TEST_F(VmSshTest, TheProxyAsksTheAgentForASession) {
  EXPECT_EQ(Banger({"vm", "ssh-proxy", "--", "web.vm"}).status.code, 0);
  EXPECT_THAT(state_.Events(), ElementsAre("exec in web"));
  ASSERT_EQ(state_.command.argv_size(), 3);
  EXPECT_EQ(state_.command.argv(0), "/run/banger/agent");
  EXPECT_EQ(state_.command.argv(1), "--ssh-session");
  ASSERT_OK_AND_ASSIGN(const std::string key, ReadFile(directory_.path() / "client/ssh/id_ed25519.pub"));
  EXPECT_EQ(state_.command.argv(2) + " banger\n", key);
  EXPECT_EQ(state_.command.user(), "0");
  EXPECT_TRUE(state_.command.stdin());
  EXPECT_FALSE(state_.command.tty());
}

TEST_F(VmSshTest, DeletedVmsAreForgotten) {
  const std::string pins = WriteFile("client/ssh/known_hosts",
                                     "web.vm ssh-ed25519 A\nold.vm ssh-ed25519 B\ndb.vm ssh-ed25519 C\n");
  EXPECT_EQ(Banger({"vm", "delete", "--force", "aaaa", "old"}).status.code, 0);
  EXPECT_THAT(ReadFile(pins), IsOkAndHolds("db.vm ssh-ed25519 C\n"));

  ASSERT_OK(WriteFileAtomically(pins, "web.vm ssh-ed25519 A\n"));
  state_.Fail("DeleteVm", absl::FailedPreconditionError("it runs"));
  EXPECT_NE(Banger({"vm", "delete", "web"}).status.code, 0);
  EXPECT_THAT(ReadFile(pins), IsOkAndHolds("web.vm ssh-ed25519 A\n"));
}

TEST_F(VmSshTest, TheConfigurationIsPrintedInstalledAndTakenOut) {
  const CommandResult printed = Banger({"ssh-config"});
  EXPECT_EQ(printed.status.code, 0) << printed.err;
  EXPECT_THAT(printed.out, AllOf(HasSubstr("\nHost *.vm\n"), HasSubstr("  User root\n"),
                                 HasSubstr(" vm ssh-proxy -- '%h'\n")));
  const auto config = directory_.path() / ".ssh/config";
  EXPECT_FALSE(std::filesystem::exists(config));

  WriteFile(".ssh/config", "Host mine\n");
  EXPECT_EQ(Banger({"ssh-config", "--install"}).status.code, 0);
  EXPECT_THAT(ReadFile(directory_.path() / "client/ssh/config"), IsOkAndHolds(printed.out));
  EXPECT_THAT(ReadFile(config),
              IsOkAndHolds(AllOf(HasSubstr("client/ssh/config\"\n"), EndsWith("Host mine\n"))));
  EXPECT_EQ(Banger({"ssh-config", "--uninstall"}).status.code, 0);
  EXPECT_THAT(ReadFile(config), IsOkAndHolds("Host mine\n"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "client/ssh/config"));
  EXPECT_EQ(Banger({"ssh-config", "--install", "--uninstall"}).status.code, kExitUsage);
}

}  // namespace
}  // namespace banger::cli
