// scripts/make-certs, with the gateway and with OpenSSL's own client.
#include "common/os/subprocess.h"
#include "services/gateway/testing/tcp_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;

class MakeCertsTest : public TcpTest {
 protected:
  static CommandResult Execute(const std::vector<std::string>& argv, const std::string& input = "",
                               const std::string& path = "/usr/bin:/bin") {
    Subprocess::Options options;
    options.argv = argv;
    options.env = {"PATH=" + path};
    absl::StatusOr<CommandResult> result = RunCommand(options, input);
    EXPECT_OK(result);
    return result.ok() ? *std::move(result) : CommandResult{};
  }

  std::filesystem::path certs() const { return dir_.path() / "certs"; }
  std::string File(const std::string& name) const { return (certs() / name).string(); }

  CommandResult MakeCerts(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {BANGER_SOURCE_DIR "/scripts/make-certs", certs().string()});
    return Execute(arguments);
  }

  KeyedCertificate Read(const std::string& name) const {
    return {.certificate = *ReadFile(File(name + ".pem"), 1 << 20),
            .key = *ReadFile(File(name + ".key"), 1 << 20)};
  }

  void UseCerts() {
    tcp_config_.cert = File("server.pem");
    tcp_config_.key = File("server.key");
    tcp_config_.client_ca = File("ca.pem");
    tcp_config_.client_crl = File("crl.pem");
    StartTcp();
  }

  // What `openssl s_client` says when it connects as `name` and speaks no HTTP/2, which
  // the gateway ends.
  CommandResult OpenSsl(const std::string& name, const std::string& version) const {
    return Execute({"openssl", "s_client", "-connect", absl::StrCat("127.0.0.1:", tcp_->port()), version,
                    "-alpn", "h2", "-CAfile", File("ca.pem"), "-cert", File(name + ".pem"), "-key",
                    File(name + ".key"), "-verify_return_error", "-verify_ip", "127.0.0.1", "-ign_eof"},
                   std::string(100, 'x'));
  }
};

TEST_F(MakeCertsTest, WhatItMakesIsTakenUntilItIsRevoked) {
  ASSERT_EQ(MakeCerts({"server", "localhost", "127.0.0.1", "::1"}).status.code, 0);
  ASSERT_EQ(MakeCerts({"client", "alice", "viewer"}).status.code, 0);
  ASSERT_EQ(MakeCerts({"client", "bob", "operator"}).status.code, 0);
  UseCerts();

  EXPECT_EQ(RawHandshake({.certificate = Read("alice")}), "");
  const CommandResult said = OpenSsl("alice", "-tls1_3");
  EXPECT_THAT(said.out, HasSubstr("Verify return code: 0 (ok)"));
  EXPECT_THAT(said.out, HasSubstr("ALPN protocol: h2"));
  EXPECT_THAT(OpenSsl("alice", "-tls1_2").err, HasSubstr("alert protocol version"));
  EXPECT_THAT(OpenSsl("server", "-tls1_3").err, HasSubstr("alert unsupported certificate"));

  ASSERT_EQ(MakeCerts({"revoke", "alice"}).status.code, 0);
  EXPECT_TRUE(Eventually([this] { return !RawHandshake({.certificate = Read("alice")}).empty(); }));
  EXPECT_THAT(OpenSsl("alice", "-tls1_3").err, HasSubstr("alert certificate revoked"));
  EXPECT_EQ(RawHandshake({.certificate = Read("bob")}), "");
  // A list that is made again still has everybody.
  ASSERT_EQ(MakeCerts({"crl"}).status.code, 0);
  StartTcp();
  EXPECT_THAT(RawHandshake({.certificate = Read("alice")}), HasSubstr("revoked"));
  EXPECT_EQ(RawHandshake({.certificate = Read("bob")}), "");
}

TEST_F(MakeCertsTest, WhoIsRevokedIsRefusedWithEarlierCertificatesToo) {
  ASSERT_EQ(MakeCerts({"server", "127.0.0.1"}).status.code, 0);
  std::vector<KeyedCertificate> alices;
  const auto issue = [&] {
    ASSERT_EQ(MakeCerts({"client", "alice", "admin"}).status.code, 0);
    alices.push_back(Read("alice"));
  };
  ASSERT_NO_FATAL_FAILURE(issue());
  ASSERT_NO_FATAL_FAILURE(issue());
  ASSERT_EQ(MakeCerts({"revoke", "alice"}).status.code, 0);
  // Once more, and after it was given to its owner.
  ASSERT_NO_FATAL_FAILURE(issue());
  std::filesystem::remove(File("alice.pem"));
  ASSERT_EQ(MakeCerts({"revoke", "alice"}).status.code, 0);
  ASSERT_EQ(MakeCerts({"client", "bob", "admin"}).status.code, 0);
  UseCerts();
  for (const KeyedCertificate& alice : alices)
    EXPECT_THAT(RawHandshake({.certificate = alice}), HasSubstr("alert certificate revoked"));
  EXPECT_EQ(RawHandshake({.certificate = Read("bob")}), "");
}

// The first run ends where the list should be made.
TEST_F(MakeCertsTest, WhatWasInterruptedIsDoneAgain) {
  const std::filesystem::path bin = dir_.path() / "bin";
  ASSERT_OK(MakeDirectories(bin));
  ASSERT_OK(WriteFileAtomically(
      bin / "openssl", "#!/bin/sh\n[ \"$1\" != ca ] || exit 1\nexec /usr/bin/openssl \"$@\"\n", 0755));
  const std::string script = BANGER_SOURCE_DIR "/scripts/make-certs";
  EXPECT_NE(Execute({script, certs().string(), "server", "127.0.0.1"}, "", bin.string() + ":/usr/bin:/bin")
                .status.code,
            0);
  ASSERT_EQ(MakeCerts({"server", "127.0.0.1"}).status.code, 0);
  ASSERT_EQ(MakeCerts({"client", "alice", "viewer"}).status.code, 0);
  UseCerts();
  EXPECT_EQ(RawHandshake({.certificate = Read("alice")}), "");
}

TEST_F(MakeCertsTest, ACertificateIsRenewedInPlace) {
  ASSERT_EQ(MakeCerts({"client", "alice", "viewer"}).status.code, 0);
  const KeyedCertificate before = Read("alice");
  const std::string authority = *ReadFile(File("ca.pem"), 1 << 20);
  ASSERT_EQ(MakeCerts({"client", "alice", "viewer"}).status.code, 0);
  EXPECT_NE(Read("alice").certificate, before.certificate);
  EXPECT_EQ(*ReadFile(File("ca.pem"), 1 << 20), authority);
}

TEST_F(MakeCertsTest, KeysAreTheirOwnersOnly) {
  ASSERT_EQ(MakeCerts({"client", "alice", "viewer"}).status.code, 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(certs())) {
    struct stat info {};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 077, 0u) << entry.path();
  }
}

TEST_F(MakeCertsTest, WhatIsWrongIsNamedAndMakesNothing) {
  for (const auto& [arguments, why] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"client", "alice", "root"}, "'root' is none of viewer, operator and admin"},
           {{"client", "a/b", "viewer"}, "'a/b' is no name"},
           {{"client", "server", "viewer"}, "'server' is the name of a file"},
           {{"server", "a b"}, "'a b' is no host name"},
           {{"revoke", "nobody"}, "'nobody' has no certificate"},
           {{"revoke", "ca"}, "'ca' is the name of a file"},
           {{"revoke", "../alice"}, "'../alice' is no name"},
           {{"crl"}, "there is no authority"}}) {
    const CommandResult refused = MakeCerts(arguments);
    EXPECT_EQ(refused.status.code, 2);
    EXPECT_THAT(refused.err, HasSubstr(why));
  }
  EXPECT_FALSE(std::filesystem::exists(certs() / "ca.pem"));
}

}  // namespace
}  // namespace banger::gateway
