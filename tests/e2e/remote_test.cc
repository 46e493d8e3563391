// A host on which there is nothing but the program, a context and ssh.
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/terminal.h"
#include "tests/e2e/tls_instance.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class RemoteTest : public TlsInstanceTest {
 protected:
  void SetUp() override {
    TlsInstanceTest::SetUp();
    ASSERT_OK(home_);
    ASSERT_OK_AND_ASSIGN(const std::string address, TlsGateway::AddressOf(*instance_));
    const CommandResult added =
        There({"context", "add", "lab", "--address", address, "--ca", tls_->File("ca.pem"), "--cert",
               tls_->File("operator.pem"), "--key", tls_->File("operator.key")});
    ASSERT_EQ(added.status.code, 0) << added.err;
    ASSERT_EQ(There({"context", "use", "lab"}).status.code, 0);
  }
  void TearDown() override {
    for (const char* vm : {"box", "app"}) Run({"vm", "delete", "--force", vm});
  }

  // banger ARGS... on the other host.
  CommandResult There(std::vector<std::string> arguments, const std::string& input = "") const {
    arguments.insert(arguments.begin(), BuildProgram("banger"));
    return Program(std::move(arguments), input);
  }
  CommandResult Program(std::vector<std::string> argv, const std::string& input = "") const {
    auto result =
        RunCommand({.argv = std::move(argv),
                    .env = std::vector<std::string>{absl::StrCat("BANGER_ROOT=", Home()),
                                                    absl::StrCat("HOME=", Home()), "PATH=/usr/bin:/bin"},
                    .working_dir = Home()},
                   input);
    EXPECT_OK(result);
    return result.ok() ? *std::move(result) : CommandResult{};
  }
  std::string Home() const { return home_->path().string(); }
  void Write(const std::string& name, const std::string& text) const {
    ASSERT_OK(MakeDirectories((home_->path() / name).parent_path()));
    ASSERT_OK(WriteFileAtomically(home_->path() / name, text));
  }

  const absl::StatusOr<TempDir> home_ = TempDir::Create();
};

TEST_F(RemoteTest, AVmIsUsedFromAnotherHost) {
  CommandResult result = There({"vm", "create", "--name", "box", "--image", "mini"});
  ASSERT_EQ(result.status.code, 0) << result.err;
  EXPECT_THAT(Run({"vm", "list"}).out, HasSubstr("box"));  // and it is here

  result = There({"vm", "exec", "-i", "box", "--", "sh", "-c", "wc -c; exit 7"}, std::string(3 << 20, 'x'));
  EXPECT_EQ(result.status.code, 7) << result.err;
  EXPECT_EQ(result.out, absl::StrCat(3 << 20, "\n"));
  Write("tree/a/b.txt", "from there\n");
  EXPECT_EQ(There({"vm", "cp", "tree", "box:/root/tree"}).status.code, 0);
  EXPECT_EQ(Exec("box", "cat /root/tree/a/b.txt"), "from there\n");
  EXPECT_EQ(There({"vm", "cp", "box:/root/tree", "back"}).status.code, 0);
  EXPECT_THAT(ReadFile(Home() + "/back/a/b.txt"), IsOkAndHolds("from there\n"));
  EXPECT_EQ(There({"vm", "logs", "box"}).out, Run({"vm", "logs", "box"}).out);

  Terminal shell({BuildProgram("banger"), "vm", "exec", "-it", "box", "--", "sh"}, Home());
  shell.Type("stty size; exit 5\n");
  EXPECT_TRUE(shell.Await("30 100")) << shell.shown();
  EXPECT_EQ(shell.WaitForExit(), 5);

  result = There({"vm", "delete", "--force", "box"});
  EXPECT_EQ(result.status.code, 0) << result.err;
}

TEST_F(RemoteTest, TheHostsOwnSshNeedsNoRouteToTheGuest) {
  ASSERT_EQ(There({"vm", "create", "--name", "box", "--image", "mini"}).status.code, 0);
  CommandResult result = There({"vm", "ssh", "box", "--", "echo $USER; exit 9"});
  EXPECT_EQ(result.status.code, 9) << result.err;
  EXPECT_EQ(result.out, "root\n");
  EXPECT_THAT(ReadFile(Home() + "/client/ssh/known_hosts.lab"), IsOkAndHolds(StartsWith("box.vm ")));

  // As any program has it, whatever context is the current one later.
  Write("config", There({"ssh-config"}).out);
  ASSERT_EQ(There({"context", "use", "local"}).status.code, 0);
  Write("notes", "by scp\n");
  result = Program({"scp", "-F", "config", "notes", "box.vm:there"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(Program({"ssh", "-F", "config", "box.vm", "cat there"}).out, "by scp\n");
  EXPECT_EQ(There({"--context", "lab", "vm", "delete", "--force", "box"}).status.code, 0);
  EXPECT_THAT(ReadFile(Home() + "/client/ssh/known_hosts.lab"), IsOkAndHolds(""));
}

TEST_F(RemoteTest, ARepositoryTravels) {
  Write("app/run.sh", "echo $(pwd) $1\nexit 3\n");
  for (const std::vector<std::string>& git : {std::vector<std::string>{"init", "-q"}, {"add", "-A"}}) {
    std::vector<std::string> argv = {"git", "-C", "app"};
    argv.insert(argv.end(), git.begin(), git.end());
    ASSERT_EQ(Program(argv).status.code, 0);
  }
  ASSERT_EQ(Program({"git", "-C", "app", "-c", "user.name=T", "-c", "user.email=t@t", "commit", "-q", "-m",
                     "first"})
                .status.code,
            0);
  const CommandResult ran =
      There({"vm", "run", "--name", "app", "--image", "mini", "app", "--", "sh", "./run.sh", "here"});
  EXPECT_EQ(ran.status.code, 3) << ran.err;
  EXPECT_EQ(ran.out, "/root/app here\n");
}

TEST_F(RemoteTest, FilesOfTheOtherHostBecomeKernelsAndImages) {
  CommandResult result = There({"kernel", "import", "far", "--from", (Assets() / "kernel.deb").string()});
  EXPECT_EQ(result.status.code, 0) << result.err;
  Write("root/etc/os-release", "ID=far\n");
  Write("root/bin/sh", "#!\n");
  ASSERT_EQ(Program({"tar", "-cf", "root.tar", "-C", "root", "."}).status.code, 0);
  result = There({"image", "import", "far", "--from", "root.tar", "--kernel-ref", "far"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_THAT(Run({"image", "list"}).out, HasSubstr("far"));
  // An operator may not take away what others use.
  result = There({"image", "delete", "far"});
  EXPECT_NE(result.status.code, 0);
  EXPECT_THAT(result.err, AllOf(HasSubstr("needs the role admin"), HasSubstr("(ROLE_TOO_LOW)")));
}

}  // namespace
}  // namespace banger::e2e
