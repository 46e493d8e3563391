// The host's own ssh, scp and sftp with guests that have no sshd: busybox, and Debian.
#include <csignal>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/os/unix_socket.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"
#include "tests/e2e/terminal.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SshTest : public SharedInstanceTest, public ::testing::WithParamInterface<const char*> {
 protected:
  static void SetUpTestSuite() { StartInstance({}, {"minbase"}); }
  void SetUp() override {
    ASSERT_NE(instance_, nullptr);
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    config_ = dir_.path() / "ssh config";
    Create();
    const CommandResult config = instance_->Banger({"ssh-config"});
    ASSERT_EQ(config.status.code, 0) << config.err;
    ASSERT_OK(WriteFileAtomically(config_, config.out));
  }
  void TearDown() override { instance_->Banger({"vm", "delete", "--force", "box"}); }

  void Create() const {
    const CommandResult made = instance_->Banger({"vm", "create", "--name", "box", "--image", GetParam()});
    ASSERT_EQ(made.status.code, 0) << made.err;
  }
  // As another program has it: nothing of banger's in its environment.
  static CommandResult Host(std::vector<std::string> argv, const std::string& input = "") {
    auto result =
        RunCommand({.argv = std::move(argv), .env = std::vector<std::string>{"PATH=/usr/bin:/bin"}}, input);
    EXPECT_OK(result);
    return result.ok() ? *std::move(result) : CommandResult{};
  }
  CommandResult Ssh(const std::string& command, const std::string& host = "box.vm") const {
    return Host({"ssh", "-F", config_, host, "--", command});
  }
  std::string Guest(const std::string& script) const {
    return instance_->Banger({"vm", "exec", "box", "--", "sh", "-c", script}).out;
  }

  TempDir dir_;
  fs::path config_;
};

INSTANTIATE_TEST_SUITE_P(Images, SshTest, ::testing::Values("mini", "minbase"),
                         [](const auto& image) { return std::string(image.param); });

TEST_P(SshTest, CommandsRunAsInAnySshSession) {
  const CommandResult result = instance_->Banger(
      {"vm", "ssh", "box", "--", "pwd;", "echo", "$USER $HOME $SHELL; echo no >&2; exit 7"});
  EXPECT_EQ(result.status.code, 7) << result.err;
  EXPECT_EQ(result.out, absl::StrCat("/root\nroot /root ", Guest("echo -n $SHELL"), "\n"));
  EXPECT_EQ(result.err, "no\n") << "and nothing of ssh's own";

  EXPECT_EQ(Ssh("echo $0 $SSH_CONNECTION; kill -9 $$").status.code, 255);
  const CommandResult nobody = instance_->Banger({"vm", "ssh", "nobody@box", "--", "id -un"});
  EXPECT_EQ(nobody.out, "nobody\n") << nobody.err;
  const CommandResult stranger = instance_->Banger({"vm", "ssh", "stranger@box", "--", "true"});
  EXPECT_EQ(stranger.status.code, 255);
  EXPECT_THAT(stranger.err, HasSubstr("Permission denied"));
  // Nothing of a session stays, and nobody's home was written to.
  EXPECT_TRUE(Eventually([&] { return Guest("cat /proc/[0-9]*/comm | grep -c '^ld.so$'") == "0\n"; }));
  EXPECT_EQ(Guest("ls -d /root/.ssh 2>/dev/null"), "");
  // Root can come also when the image knows no users.
  Guest("mv /etc/passwd /etc/passwd.away");
  EXPECT_EQ(Ssh("echo $USER in $PWD").out, "root in /root\n");
}

TEST_P(SshTest, AShellHasTheTerminalsSize) {
  Terminal shell({BuildProgram("banger"), "vm", "ssh", "box"}, instance_->root());
  ASSERT_TRUE(shell.Await("# ")) << shell.shown();
  shell.Type("stty size; tty\n");
  EXPECT_TRUE(shell.Await("30 100")) << shell.shown();
  EXPECT_TRUE(shell.Await("/dev/pts/")) << shell.shown();
  shell.Resize(40, 120);
  // The new size is on its way.
  shell.Type("until stty size | grep -q ^40; do sleep 0.1; done; stty size; exit 5\n");
  EXPECT_TRUE(shell.Await("40 120")) << shell.shown();
  EXPECT_EQ(shell.WaitForExit(), 5);
}

TEST_P(SshTest, FilesGoBothWaysUnharmed) {
  // 100 MB where it is cheapest; the way is the same.
  const std::size_t size = std::string(GetParam()) == "mini" ? 100'000'000 : 10'000'000;
  std::mt19937_64 random(4711);
  std::string bytes(size, 0);
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const std::uint64_t word = random();
    bytes.replace(i, 8, reinterpret_cast<const char*>(&word), 8);
  }
  const std::string out = dir_.path() / "out";
  const std::string back = dir_.path() / "back";
  ASSERT_OK(WriteFileAtomically(out, bytes, 0755));
  const std::string digest = Sha256Hex(bytes);

  const CommandResult sent = Host({"scp", "-p", "-F", config_, out, "box.vm:there"});
  EXPECT_EQ(sent.status.code, 0) << sent.err;
  EXPECT_EQ(Guest("sha256sum < /root/there; stat -c %a /root/there"), digest + "  -\n755\n");
  const CommandResult fetched = Host({"scp", "-F", config_, "box.vm:there", back});
  EXPECT_EQ(fetched.status.code, 0) << fetched.err;
  EXPECT_THAT(Sha256OfFile(back), IsOkAndHolds(digest));

  ASSERT_OK(WriteFileAtomically(dir_.path() / "small", "small"));
  const CommandResult put =
      Host({"sftp", "-b", "-", "-F", config_, "box.vm"},
           absl::StrCat("mkdir d\nput ", dir_.path().string(), "/small d/x\nrename d/x d/y\nls d\n"));
  EXPECT_EQ(put.status.code, 0) << put.err;
  EXPECT_THAT(put.out, HasSubstr("d/y"));
  EXPECT_EQ(Guest("cat /root/d/y"), "small");
}

TEST_P(SshTest, FilesGoAlsoWhereThereIsNoShell) {
  const std::string small = dir_.path() / "small";
  ASSERT_OK(WriteFileAtomically(small, "small"));
  Guest("rm -f /bin/sh /bin/bash");
  EXPECT_EQ(Host({"scp", "-F", config_, small, "box.vm:there"}).status.code, 0);
  EXPECT_EQ(instance_->Banger({"vm", "exec", "box", "--", "cat", "/root/there"}).out, "small");
  const CommandResult command = Ssh("true");
  EXPECT_EQ(command.status.code, 127);
  EXPECT_THAT(command.err, HasSubstr("cannot run the shell '/bin/sh'"));
}

TEST_P(SshTest, APortOfTheGuestIsForwarded) {
  if (std::string(GetParam()) != "mini") GTEST_SKIP() << "Debian minbase has no server";
  Guest("echo forwarded > /root/page; httpd -p 127.0.0.1:8080 -h /root");
  const fs::path socket = dir_.path() / "sock";
  ASSERT_OK_AND_ASSIGN(Subprocess ssh,
                       Subprocess::Start({.argv = {"ssh", "-F", config_, "-N", "-L",
                                                   socket.string() + ":127.0.0.1:8080", "box.vm"}}));
  ASSERT_TRUE(Eventually([&] { return fs::exists(socket); }));
  ASSERT_OK_AND_ASSIGN(const UniqueFd connection, ConnectUnix(socket));
  ASSERT_OK(WriteFully(connection.get(), "GET /page HTTP/1.0\r\n\r\n"));
  std::string answer(4096, 0);
  ASSERT_OK_AND_ASSIGN(const std::size_t got, ReadFully(connection.get(), answer.data(), answer.size()));
  EXPECT_THAT(answer.substr(0, got), HasSubstr("forwarded"));
  EXPECT_OK(ssh.Signal(SIGTERM));
  EXPECT_OK(ssh.Wait());
}

TEST_P(SshTest, OnlyTheKeyThatWasAskedForGetsIn) {
  const std::string other = dir_.path() / "other";
  ASSERT_EQ(Host({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other}).status.code, 0);
  const std::string own = instance_->root() / "client/ssh/id_ed25519";
  ASSERT_OK_AND_ASSIGN(std::string config, ReadFile(config_));
  ASSERT_THAT(config, HasSubstr(own));
  ASSERT_OK(WriteFileAtomically(config_, absl::StrReplaceAll(config, {{own, other}})));
  // Also not where the user has let it in.
  ASSERT_OK_AND_ASSIGN(const std::string key, ReadFile(other + ".pub"));
  Guest(absl::StrCat("mkdir -p -m 700 /root/.ssh; echo '", key, "' > /root/.ssh/authorized_keys"));
  const CommandResult refused = Ssh("true");
  EXPECT_EQ(refused.status.code, 255);
  EXPECT_THAT(refused.err, HasSubstr("Permission denied (publickey)"));
  EXPECT_THAT(refused.err, Not(HasSubstr("password")));
}

TEST_P(SshTest, AHostKeyIsTheVmsOwnAndIsForgottenWithIt) {
  const fs::path pins = instance_->root() / "client/ssh/known_hosts";
  ASSERT_EQ(Ssh("true").status.code, 0);
  ASSERT_OK_AND_ASSIGN(const std::string first, ReadFile(pins));
  EXPECT_THAT(first, HasSubstr("box.vm ssh-ed25519 "));
  // It outlives a restart.
  ASSERT_EQ(instance_->Banger({"vm", "restart", "box"}).status.code, 0);
  const CommandResult again = Ssh("true");
  EXPECT_EQ(again.status.code, 0) << again.err;
  EXPECT_THAT(ReadFile(pins), IsOkAndHolds(first));

  ASSERT_EQ(instance_->Banger({"vm", "delete", "--force", "box"}).status.code, 0);
  EXPECT_THAT(ReadFile(pins), IsOkAndHolds(Not(HasSubstr("box.vm"))));
  Create();
  const CommandResult fresh = instance_->Banger({"vm", "ssh", "box", "--", "true"});
  EXPECT_EQ(fresh.status.code, 0) << fresh.err;
  ASSERT_OK_AND_ASSIGN(const std::string second, ReadFile(pins));
  EXPECT_THAT(second, AllOf(HasSubstr("box.vm ssh-ed25519 "), Not(HasSubstr(first))));

  // A key that changes under a VM that lives is told, with what forgets the old one.
  Guest("rm /var/lib/banger/ssh_host_ed25519_key");
  const CommandResult changed = Ssh("true");
  EXPECT_EQ(changed.status.code, 255);
  EXPECT_THAT(changed.err, AllOf(HasSubstr("REMOTE HOST IDENTIFICATION HAS CHANGED"),
                                 HasSubstr("ssh-keygen -f"), HasSubstr("-R \"box.vm\"")));
}

}  // namespace
}  // namespace banger::e2e
