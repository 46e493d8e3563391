// The program on one side, the gateway's own program on the other, TLS between them;
// the daemons behind it are fakes.
#include <fcntl.h>
#include <signal.h>

#include <optional>
#include <regex>

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "cli/testing/terminal_fixture.h"
#include "common/os/file.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/gateway/testing/certificates.h"

namespace banger::cli {
namespace {

using gateway::CertificateSpec;
using gateway::KeyedCertificate;
using gateway::TestAuthority;
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class RemoteCliTest : public TerminalTest {
 protected:
  void SetUp() override {
    TerminalTest::SetUp();
    vm::v1::Vm& vm = *state_.vms.add_vms();
    vm.set_name("vms/web");
    vm.set_uid("aaaaaaaaaaaa");
    vm.set_state(vm::v1::Vm::STATE_RUNNING);
    vm.set_image("images/deb");
    state_.guest_root = directory_.path() / "guest";
    fs::create_directories(state_.guest_root);

    WriteFile("ca.pem", authority_.certificate());
    WriteFile("crl.pem", authority_.RevocationList());
    Keep("server", authority_.Issue({.name = "the gateway",
                                     .units = {},
                                     .usage = "serverAuth",
                                     .alternative_names = "IP:127.0.0.1,DNS:localhost"}));
    Keep("alice", authority_.Issue({.name = "alice", .units = {"banger-operator"}}));
    StartGateway();
    ASSERT_EQ(AddContext("lab", "alice").status.code, 0);
  }

  std::string Path(const std::string& name) const { return (directory_.path() / name).string(); }

  void Keep(const std::string& name, const KeyedCertificate& certificate) const {
    WriteFile(name + ".pem", certificate.certificate);
    WriteFile(name + ".key", certificate.key);
  }

  // The daemons' sockets all lead to the fake.
  void StartGateway() {
    const fs::path run = directory_.path() / "host/run";
    fs::create_directories(run);
    for (const char* daemon : {"vmd", "imaged", "kerneld"}) {
      fs::remove(run / absl::StrCat(daemon, ".sock"));
      fs::create_symlink(socket_, run / absl::StrCat(daemon, ".sock"));
    }
    WriteFile("host/config.toml",
              absl::StrCat("[gateway]\nlisten = \"127.0.0.1:0\"\ncert = \"", Path("server.pem"),
                           "\"\nkey = \"", Path("server.key"), "\"\nclient_ca = \"", Path("ca.pem"),
                           "\"\nclient_crl = \"", Path("crl.pem"), "\"\n"));
    ASSERT_OK_AND_ASSIGN(const UniqueFd log, OpenFile(WriteFile("gateway.log", ""), O_WRONLY | O_APPEND));
    ASSERT_OK_AND_ASSIGN(
        Subprocess started,
        Subprocess::Start({.argv = {BANGER_GATEWAY},
                           .env = std::vector<std::string>{absl::StrCat("BANGER_ROOT=", Path("host"))},
                           .stderr_fd = log.get()}));
    gateway_process_.emplace(std::move(started));
    std::smatch match;
    ASSERT_TRUE(Eventually([&] { return Log().find("serving socket=") != std::string::npos; })) << Log();
    const std::string text = Log();
    ASSERT_TRUE(std::regex_search(text, match, std::regex("serving TCP .*port=([0-9]+)"))) << text;
    address_ = absl::StrCat("127.0.0.1:", match[1].str());
  }

  std::string Log() const { return *ReadFile(Path("gateway.log"), 1 << 20); }

  CommandResult AddContext(const std::string& name, const std::string& certificate) const {
    return Run({"context", "add", name, "--address", address_, "--ca", Path("ca.pem"), "--cert",
                Path(certificate + ".pem"), "--key", Path(certificate + ".key")});
  }

  // Another certificate in a context of its own.
  CommandResult ListAs(const KeyedCertificate& certificate) const {
    Run({"context", "rm", "other"});
    Keep("other", certificate);
    EXPECT_EQ(Run({"context", "add", "other", "--address", address_, "--ca", Path("ca.pem"), "--cert",
                   Path("other.pem"), "--key", Path("other.key")})
                  .status.code,
              0);
    return Run({"--context", "other", "vm", "list"});
  }

  std::vector<std::string> Environment() const override {
    std::vector<std::string> environment = {absl::StrCat("BANGER_ROOT=", Path("home")),
                                            absl::StrCat("HOME=", Path("home")), "PATH=/usr/bin:/bin",
                                            "TERM=xterm"};
    environment.insert(environment.end(), more_environment_.begin(), more_environment_.end());
    return environment;
  }

  TestAuthority authority_{"the authority"};
  KeyedCertificate authority_good_ = authority_.Issue({.name = "alice", .units = {"banger-operator"}});
  std::optional<Subprocess> gateway_process_;
  std::string address_;
  std::vector<std::string> more_environment_;
};

TEST_F(RemoteCliTest, CommandsWorkAsAtHome) {
  ASSERT_EQ(Run({"context", "use", "lab"}).status.code, 0);
  CommandResult result = Run({"vm", "list"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("web"));

  result = Run({"vm", "exec", "web", "-i", "--", "cat"}, std::string(3 << 20, 'x'));
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_TRUE(result.out == std::string(3 << 20, 'x'));

  const std::string file = WriteFile("notes.txt", std::string(1 << 20, 'n'));
  result = Run({"vm", "cp", file, "web:"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(ReadFile(state_.guest_root / "notes.txt", 2 << 20)->size(), 1U << 20);
  EXPECT_EQ(Run({"vm", "cp", "web:notes.txt", Path("back.txt")}).status.code, 0);
  EXPECT_EQ(ReadFile(Path("back.txt"), 2 << 20)->size(), 1U << 20);

  EXPECT_EQ(Run({"vm", "logs", "--tail", "7", "web"}).out, "tail 7\n");
  WriteFile("root/etc/os-release", "NAME=x");
  const CommandResult tar = *RunCommand({.argv = {"tar", "-C", Path("root"), "-c", "."}});
  WriteFile("root.tar", tar.out);
  result = Run({"image", "import", "deb", "--from", Path("root.tar"), "--kernel-ref", "k"});
  EXPECT_EQ(result.out, "deb\n") << result.err;
  EXPECT_TRUE(state_.received == tar.out);
  EXPECT_THAT(Log(), HasSubstr("audit client=alice role=operator method=/banger.vm.v1.VmService/ExecVm "
                               "resource=vms/web code=OK"));
}

TEST_F(RemoteCliTest, AShellIsInteractive) {
  StartInTerminal({"--context", "lab", "vm", "exec", "-it", "web"});
  ASSERT_TRUE(WaitForScreen("guest$"));
  Type("\x03");
  EXPECT_TRUE(state_.WaitFor("key 3"));
  Type("q");
  EXPECT_EQ(WaitForExit(), 5);
  EXPECT_TRUE(ModeIsAsBefore());
}

TEST_F(RemoteCliTest, FollowingALogEndsWithTheReader) {
  Subprocess program = Start({"--context=lab", "vm", "logs", "-f", "web"});
  ASSERT_TRUE(state_.WaitFor("waiting"));
  ASSERT_OK(program.Signal(SIGINT));
  EXPECT_EQ(program.Wait()->code, kExitInterrupted);
  EXPECT_TRUE(state_.WaitFor("cancelled"));
}

TEST_F(RemoteCliTest, SshGoesThroughTheSameContextAndKeepsItsHostKeysApart) {
  const CommandResult config = Run({"--context", "lab", "ssh-config"});
  EXPECT_THAT(config.out, AllOf(HasSubstr("'BANGER_CONTEXT=lab'"), HasSubstr("ssh/known_hosts.lab\"")));
  EXPECT_THAT(Run({"ssh-config"}).out,
              AllOf(HasSubstr("'BANGER_CONTEXT=local'"), HasSubstr("ssh/known_hosts\"")));
  const CommandResult proxied = Run({"vm", "ssh-proxy", "--context", "lab", "--", "web.vm"});
  EXPECT_EQ(proxied.status.code, 0) << proxied.err;
  EXPECT_TRUE(state_.WaitFor("exec in web"));
  EXPECT_EQ(state_.command.argv(1), "--ssh-session");
}

TEST_F(RemoteCliTest, ContextsAreAddedListedUsedAndForgotten) {
  EXPECT_EQ(Run({"context", "use", "lab"}).status.code, 0);
  EXPECT_THAT(Run({"context", "list"}).out,
              AllOf(HasSubstr("local"), HasSubstr("lab"), HasSubstr(address_), HasSubstr(" UTC")));
  EXPECT_THAT(Run({"context", "list", "--format", "json"}).out, HasSubstr("\"current\": \"lab\""));
  EXPECT_THAT(Run({"context", "show"}).out, AllOf(HasSubstr("\"name\": \"lab\""), HasSubstr(address_)));
  EXPECT_THAT(Run({"context", "show", "local"}).out, HasSubstr("gateway.sock"));
  EXPECT_EQ(Run({"context", "show", "nowhere"}).status.code, kExitNotFound);
  CommandResult result = AddContext("lab", "alice");
  EXPECT_EQ(result.status.code, kExitFailed);
  EXPECT_THAT(result.err, HasSubstr("add context 'lab': it is there already (CONTEXT_EXISTS)"));
  EXPECT_THAT(Run({"context", "list", "--format", "json"}).out, HasSubstr("\"certificateExpireTime\": \"20"));
  EXPECT_EQ(Run({"__names", "contexts"}).out, "local\nlab\n");
  const std::string pins = WriteFile("home/client/ssh/known_hosts.lab", "web.vm ssh-ed25519 A\n");
  EXPECT_EQ(Run({"context", "rm", "lab"}).status.code, 0);
  EXPECT_FALSE(fs::exists(pins));
  EXPECT_THAT(Run({"context", "list", "--format", "json"}).out, HasSubstr("\"current\": \"local\""));
  result = Run({"context", "use", "lab"});
  EXPECT_EQ(result.status.code, kExitNotFound);
  EXPECT_THAT(result.err, HasSubstr("banger context list"));
}

TEST_F(RemoteCliTest, TheFlagGoesBeforeTheEnvironmentBeforeTheCurrentOne) {
  EXPECT_EQ(Run({"vm", "list"}).status.code, kExitUnreachable);  // there is nobody at home
  more_environment_ = {"BANGER_CONTEXT=lab"};
  EXPECT_EQ(Run({"vm", "list"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "list", "--context", "local"}).status.code, kExitUnreachable);
  EXPECT_EQ(Run({"vm", "list", "--context=nowhere"}).status.code, kExitNotFound);
  more_environment_ = {absl::StrCat("BANGER_SOCKET=", Path("host/run/gateway.sock"))};
  EXPECT_EQ(Run({"context", "use", "lab"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "exec", "web", "--", "both", "--context", "nowhere"}).status.code, 0);
  more_environment_ = {};
  EXPECT_EQ(Run({"vm", "list", "--context"}).status.code, kExitUsage);
  EXPECT_EQ(Run({"--context", "lab", "vm", "list", "--context", "lab"}).status.code, kExitUsage);
}

TEST_F(RemoteCliTest, ACertificateThatIsNoGoodIsSaidToBeOne) {
  const CertificateSpec bob{.name = "bob", .units = {"banger-viewer"}};
  CertificateSpec server = bob, roleless = bob;
  server.usage = "serverAuth";
  roleless.units = {};

  CommandResult result = ListAs(TestAuthority("the authority").Issue(bob));
  EXPECT_EQ(result.status.code, kExitFailed);
  EXPECT_THAT(result.err, AllOf(HasSubstr("refuses the certificate"), HasSubstr("(CERTIFICATE_REFUSED)")));
  EXPECT_THAT(ListAs(TestAuthority::SelfSigned(bob)).err,
              HasSubstr("it is of no authority that the gateway trusts"));
  EXPECT_THAT(ListAs(authority_.Issue(server)).err, HasSubstr("it is not for clients"));
  EXPECT_THAT(ListAs(authority_.Issue(roleless)).err,
              HasSubstr("ListVms needs the role viewer; 'bob' has none (ROLE_TOO_LOW)"));

  const KeyedCertificate revoked = authority_.Issue(bob);
  EXPECT_EQ(ListAs(revoked).status.code, 0);
  authority_.Revoke(revoked);
  WriteFile("crl.pem", authority_.RevocationList());
  EXPECT_TRUE(Eventually([&] { return Run({"--context", "other", "vm", "list"}).status.code != 0; }));
  EXPECT_THAT(Run({"--context", "other", "vm", "list"}).err,
              AllOf(HasSubstr("it was revoked (CERTIFICATE_REFUSED)"), HasSubstr("another certificate")));
}

TEST_F(RemoteCliTest, FilesThatAreNoGoodAreNamedBeforeAnythingIsSent) {
  const auto list = [this] { return Run({"--context", "lab", "vm", "list"}).err; };
  CertificateSpec old{.name = "alice", .units = {"banger-operator"}};
  old.valid_from_seconds = -7200;
  old.valid_to_seconds = -3600;
  Keep("alice", authority_.Issue(old));
  EXPECT_THAT(list(),
              AllOf(HasSubstr("alice.pem': it has expired, at 20"), HasSubstr("(CERTIFICATE_UNUSABLE)")));
  old.valid_from_seconds = 3600;
  old.valid_to_seconds = 7200;
  Keep("alice", authority_.Issue(old));
  EXPECT_THAT(list(), HasSubstr("alice.pem': it is not valid yet, but from 20"));
  Keep("alice", authority_good_);
  WriteFile("alice.key", authority_.Issue({.name = "alice", .units = {}}).key);
  EXPECT_THAT(list(), HasSubstr("alice.key': it is not the key of"));
  fs::remove(Path("alice.pem"));
  EXPECT_THAT(list(), HasSubstr("alice.pem': there is no such file"));
  EXPECT_THAT(Run({"context", "list"}).out, HasSubstr("there is no such file"));
  EXPECT_THAT(Run({"context", "list", "--format", "json"}).out, HasSubstr("\"certificateProblem\": \"'"));
}

TEST_F(RemoteCliTest, AGatewayThatIsNotWhatItShouldBeGetsNothing) {
  WriteFile("ca.pem.other", TestAuthority("another").certificate());
  const std::vector<std::string> files = {"--cert", Path("alice.pem"), "--key", Path("alice.key")};
  const auto add = [&](const std::string& name, const std::string& address, const std::string& ca) {
    std::vector<std::string> words = {"context", "add", name, "--address", address, "--ca", Path(ca)};
    words.insert(words.end(), files.begin(), files.end());
    EXPECT_EQ(Run(words).status.code, 0);
    return Run({"--context", name, "vm", "list"});
  };
  CommandResult result = add("stranger", address_, "ca.pem.other");
  EXPECT_EQ(result.status.code, kExitFailed);
  EXPECT_THAT(result.err, AllOf(HasSubstr("does not vouch for"), HasSubstr("(GATEWAY_NOT_TRUSTED)")));
  const std::string port = address_.substr(address_.rfind(':'));
  // By no proxy, and by the names that the host knows.
  more_environment_ = {"https_proxy=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1"};
  EXPECT_EQ(add("by-name", absl::StrCat("localhost", port), "ca.pem").status.code, 0);
  more_environment_ = {};
  gateway_process_.reset();
  result = Run({"--context", "lab", "vm", "list"});
  EXPECT_EQ(result.status.code, kExitUnreachable);
  EXPECT_THAT(result.err, AllOf(HasSubstr("(context 'lab'): Connection refused (GATEWAY_UNREACHABLE)"),
                                HasSubstr("hint: see its address with 'banger context list'")));
}

TEST_F(RemoteCliTest, AGatewayWithACertificateOfAnotherHostOrOutOfItsTimeIsNotTrusted) {
  CertificateSpec server{.name = "the gateway",
                         .units = {},
                         .usage = "serverAuth",
                         .alternative_names = "IP:192.0.2.7,DNS:elsewhere"};
  const auto list_with = [&] {
    gateway_process_.reset();
    Keep("server", authority_.Issue(server));
    StartGateway();
    Run({"context", "rm", "lab"});
    EXPECT_EQ(AddContext("lab", "alice").status.code, 0);
    return Run({"--context", "lab", "vm", "list"});
  };
  CommandResult result = list_with();
  EXPECT_EQ(result.status.code, kExitFailed);
  EXPECT_THAT(result.err, AllOf(HasSubstr("IP address mismatch"), HasSubstr("(GATEWAY_NOT_TRUSTED)")));
  EXPECT_EQ(Run({"context", "add", "named", "--address",
                 absl::StrCat("localhost", address_.substr(address_.rfind(':'))), "--ca", Path("ca.pem"),
                 "--cert", Path("alice.pem"), "--key", Path("alice.key")})
                .status.code,
            0);
  EXPECT_THAT(Run({"--context", "named", "vm", "list"}).err,
              AllOf(HasSubstr("hostname mismatch"), HasSubstr("(GATEWAY_NOT_TRUSTED)")));
  server.alternative_names = "IP:127.0.0.1";
  server.valid_from_seconds = -7200;
  server.valid_to_seconds = -3600;
  result = list_with();
  EXPECT_EQ(result.status.code, kExitFailed);
  EXPECT_THAT(result.err, AllOf(HasSubstr("certificate has expired"), HasSubstr("(GATEWAY_NOT_TRUSTED)")));
}

TEST_F(RemoteCliTest, WhatIsNoContextIsRefused) {
  const auto add = [this](const std::string& name, const std::string& address) {
    return Run({"context", "add", name, "--address", address, "--ca", Path("ca.pem"), "--cert",
                Path("alice.pem"), "--key", Path("alice.key")});
  };
  EXPECT_EQ(add("local", "a:1").status.code, kExitUsage);
  EXPECT_EQ(add("A B", "a:1").status.code, kExitUsage);
  for (const char* address : {"host", "host:", ":1", "host:0", "host:65536", "host:x", "::1:5", "[::1]",
                              "[host]:5", "a/b:5", "a b:5"})
    EXPECT_EQ(add("x", address).status.code, kExitUsage) << address;
  EXPECT_EQ(add("x", "[::1]:7443").status.code, 0);
}

TEST_F(RemoteCliTest, FilesOfAContextAreThoseThatWereNamed) {
  // A link that is followed: "link/.." is "there", not here.
  fs::create_directories(Path("there/deep"));
  fs::create_symlink(Path("there/deep"), Path("link"));
  WriteFile("there/ca.pem", TestAuthority("another").certificate());
  const auto add = [this](const std::string& name, const std::string& ca) {
    return Run({"context", "add", name, "--address", address_, "--ca", ca, "--cert", Path("alice.pem"),
                "--key", Path("alice.key")});
  };
  EXPECT_EQ(add("linked", Path("link/../ca.pem")).status.code, 0);
  EXPECT_THAT(Run({"--context", "linked", "vm", "list"}).err, HasSubstr("(GATEWAY_NOT_TRUSTED)"));

  const std::string odd = "odd\xff";
  WriteFile(odd + "/ca.pem", authority_.certificate());
  const absl::StatusOr<CommandResult> refused =
      RunCommand({.argv = {BangerProgram(), "context", "add", "odd", "--address", address_, "--ca", "ca.pem",
                           "--cert", Path("alice.pem"), "--key", Path("alice.key")},
                  .env = Environment(),
                  .working_dir = directory_.path() / odd});
  ASSERT_OK(refused);
  EXPECT_EQ(refused->status.code, kExitUsage) << refused->err;
  EXPECT_THAT(refused->err, HasSubstr("/ca.pem' is no UTF-8"));

  const absl::StatusOr<CommandResult> nowhere =
      RunCommand({.argv = {"/bin/sh", "-c", "mkdir gone; cd gone; rmdir ../gone; exec \"$@\"", "sh",
                           BangerProgram(), "context", "add", "gone", "--address", address_, "--ca", "ca.pem",
                           "--cert", "a.pem", "--key", "a.key"},
                  .env = Environment(),
                  .working_dir = directory_.path()});
  EXPECT_THAT(nowhere->err, HasSubstr("find 'ca.pem': No such file or directory"));
}

}  // namespace
}  // namespace banger::cli
