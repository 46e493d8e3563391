// The gateway for other hosts: who gets in, and as whom.
#include "services/gateway/tcp_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "common/status/error.h"
#include "services/gateway/testing/log_capture.h"
#include "services/gateway/testing/tcp_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class TcpServerTest : public TcpTest {
 protected:
  KeyedCertificate alice_ = ClientCertificate("alice", "viewer");
  KeyedCertificate bob_ = ClientCertificate("bob", "operator");
};

int OpenDescriptors() {
  int count = 0;
  DIR* dir = ::opendir("/proc/self/fd");
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

TEST_F(TcpServerTest, ACallHasTheNameAndRoleOfTheCertificateWhateverItClaims) {
  const auto channel = Connect(alice_);
  EXPECT_OK(GetVmOver(channel));
  rpc::ClientCall call("", kSoon);
  call.context()->AddMetadata(rpc::kPeerRoleKey, "admin");
  call.context()->AddMetadata(rpc::kPeerNameKey, "root");
  vm::v1::StopVmResponse response;
  EXPECT_THAT(rpc::FromGrpc(vm::v1::VmService::NewStub(channel)->StopVm(call.context(), {}, &response)),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "StopVm needs the role operator; 'alice' has only viewer"));
  EXPECT_EQ(fake_.hung, 0);
}

TEST_F(TcpServerTest, ACertificateWithoutARoleMayDoNothing) {
  const auto channel = Connect(authority_.Issue({.name = "carol", .units = {"Engineering"}}));
  EXPECT_THAT(GetVmOver(channel),
              StatusIs(absl::StatusCode::kPermissionDenied, "GetVm needs the role viewer; 'carol' has none"));
}

TEST_F(TcpServerTest, OnlyGoodCertificatesGetIn) {
  TestAuthority stranger("the authority");  // of the same name
  KeyedCertificate revoked = ClientCertificate("mallory", "admin");
  authority_.Revoke(revoked);
  Write("crl.pem", authority_.RevocationList());
  StartTcp();

  const CertificateSpec mallory{.name = "mallory", .units = {"banger-admin"}};
  CertificateSpec expired = mallory, early = mallory, server = mallory;
  expired.valid_from_seconds = -7200;
  expired.valid_to_seconds = -3600;
  early.valid_from_seconds = 3600;
  early.valid_to_seconds = 7200;
  server.usage = "serverAuth";
  const std::vector<std::pair<KeyedCertificate, std::string>> cases = {
      {{}, "alert certificate required"},
      {TestAuthority::SelfSigned(mallory), "alert unknown ca"},
      {stranger.Issue(mallory), "alert"},
      {authority_.Issue(expired), "alert certificate expired"},
      {authority_.Issue(early), "alert bad certificate"},
      {authority_.Issue(server), "alert unsupported certificate"},
      {revoked, "alert certificate revoked"},
  };
  for (const auto& [certificate, alert] : cases) {
    EXPECT_THAT(RawHandshake({.certificate = certificate}), HasSubstr(alert));
    rpc::ClientCall call("", kSoon);
    vm::v1::GetVmResponse response;
    EXPECT_THAT(
        rpc::FromGrpc(vm::v1::VmService::NewStub(Connect(certificate))->GetVm(call.context(), {}, &response)),
        StatusIs(absl::StatusCode::kUnavailable))
        << alert;
  }
  EXPECT_EQ(RawHandshake({.certificate = alice_}), "");
}

TEST_F(TcpServerTest, OnlyTls13AndHttp2AreSpoken) {
  EXPECT_THAT(RawHandshake({.certificate = alice_, .max_version = TLS1_2_VERSION}),
              HasSubstr("alert protocol version"));
  EXPECT_THAT(RawHandshake({.certificate = alice_, .http2 = false}), HasSubstr("no application protocol"));
  RawTls good(tcp_->port(), {.certificate = alice_});
  EXPECT_EQ(good.Handshake(), "");
  EXPECT_TRUE(good.is_tls13());
}

TEST_F(TcpServerTest, APlaintextClientIsTurnedAway) {
  const UniqueFd plain = ConnectLoopback(tcp_->port());
  ASSERT_TRUE(WriteFully(plain.get(), Http2Preface()).ok());
  char bytes[64];
  std::size_t answered = 0;
  for (ssize_t n = 0; (n = ::read(plain.get(), bytes, sizeof bytes)) > 0;)
    answered += static_cast<std::size_t>(n);
  EXPECT_LE(answered, 7u);  // TLS's alert
  const auto channel =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", tcp_->port()), grpc::InsecureChannelCredentials());
  EXPECT_THAT(GetVmOver(channel), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(TcpServerTest, WhoIsRevokedIsCutOffAlsoFromTheConnectionThatItHas) {
  const auto stays = Connect(alice_);
  EXPECT_OK(GetVmOver(stays));
  rpc::ClientCall call("", 0ms);
  const auto stream = vm::v1::VmService::NewStub(Connect(bob_))->ExecVm(call.context());
  vm::v1::ExecVmRequest request;
  request.set_name("vms/hang");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(Eventually([this] { return fake_.hung == 1; }));

  authority_.Revoke(bob_);
  Write("crl.pem", authority_.RevocationList());
  vm::v1::ExecVmResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == 1; }));
  EXPECT_THAT(RawHandshake({.certificate = bob_}), HasSubstr("alert certificate revoked"));
  EXPECT_OK(GetVmOver(stays));
}

TEST_F(TcpServerTest, WhoseCertificateExpiresIsCutOff) {
  tcp_.reset();
  const LogCapture log;
  limits_.recheck = 20ms;
  StartTcp();
  std::unique_ptr<RawTls> carol;
  // On a busy machine it may be over before she is in.
  ASSERT_TRUE(Eventually([&] {
    carol = std::make_unique<RawTls>(
        tcp_->port(),
        RawTls::Options{.certificate = authority_.Issue(
                            {.name = "carol", .units = {"banger-viewer"}, .valid_to_seconds = 2})});
    return carol->Handshake().empty() && carol->Write(Http2Frame(6, 0, 0, "12345678")) &&
           carol->AwaitText("12345678");
  }));
  EXPECT_TRUE(carol->IsEnded());
  EXPECT_TRUE(log.Has("not good any more", "certificate has expired"));
  EXPECT_EQ(RawHandshake({.certificate = alice_}), "");
  tcp_.reset();
}

TEST_F(TcpServerTest, WhoIsRevokedDuringItsHandshakeIsNotServed) {
  const auto revoke = [this] {
    authority_.Revoke(bob_);
    Write("crl.pem", authority_.RevocationList());
    EXPECT_TRUE(Eventually([this] { return !RawHandshake({.certificate = bob_}).empty(); }));
  };
  RawTls late(tcp_->port(), {.certificate = bob_, .when_asked = revoke});
  late.Handshake();
  EXPECT_THAT(late.ReadToTheEnd(), HasSubstr("its certificate: certificate revoked"));
}

TEST_F(TcpServerTest, NewCertificatesComeIntoUseWithoutAHandshakeThatFails) {
  std::atomic<bool> done = false;
  std::atomic<int> handshakes = 0;
  std::string failure;
  std::thread client([&] {
    while (!done && failure.empty()) {
      failure = RawHandshake({.certificate = alice_});
      ++handshakes;
    }
  });
  const auto served = [this] {
    RawTls raw(tcp_->port(), {.certificate = alice_});
    EXPECT_EQ(raw.Handshake(), "");
    return raw.ServerName();
  };
  for (int i = 0; i < 10; ++i) {
    const std::string name = absl::StrCat("server-", i);
    const KeyedCertificate next = ServerCertificate(name);
    const std::string before = served();
    // In between they do not belong together.
    Write("server.pem", next.certificate);
    const int seen = handshakes;
    ASSERT_TRUE(Eventually([&] { return handshakes > seen + 3; }));
    EXPECT_EQ(served(), before);
    Write("server.key", next.key);
    EXPECT_TRUE(Eventually([&] { return served() == name; }));
  }
  done = true;
  client.join();
  EXPECT_EQ(failure, "");
  EXPECT_GT(handshakes, 30);
}

TEST_F(TcpServerTest, ANewAuthorityReplacesTheOldOne) {
  const auto channel = Connect(alice_);
  EXPECT_OK(GetVmOver(channel));
  TestAuthority next("the next authority");
  Write("crl.pem", next.RevocationList());
  Write("ca.pem", next.certificate());
  EXPECT_TRUE(Eventually([&] {
    return RawHandshake({.certificate = next.Issue({.name = "dora", .units = {"banger-viewer"}})}).empty();
  }));
  EXPECT_THAT(RawHandshake({.certificate = alice_}), HasSubstr("alert unknown ca"));
  EXPECT_THAT(GetVmOver(channel), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(TcpServerTest, FilesThatAreNoGoodOrGoneChangeNothing) {
  tcp_.reset();
  const LogCapture log;
  StartTcp();
  for (const char* name : {"ca.pem", "crl.pem", "server.pem", "server.key"}) {
    ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(dir_.path() / name, 1 << 20));
    Write(name, "nonsense");
    EXPECT_TRUE(Eventually([&] { return log.Has("the old ones stay in use", name); })) << name;
    EXPECT_EQ(RawHandshake({.certificate = alice_}), "") << name;
    std::filesystem::remove(dir_.path() / name);
    EXPECT_EQ(RawHandshake({.certificate = alice_}), "") << name;
    Write(name, good);
  }
  tcp_.reset();
}

// As when its owner is changed after it was put there: the version of the file that
// could not be taken is that of the one that can.
TEST_F(TcpServerTest, AFileThatWasNoGoodIsTriedAgain) {
  tcp_.reset();
  const LogCapture log;
  StartTcp();
  authority_.Revoke(bob_);
  const std::string list = authority_.RevocationList();
  Write("crl.pem", std::string(list.size(), '\n'));
  ASSERT_TRUE(Eventually([&] { return log.Has("the old ones stay in use", "crl.pem"); }));
  const std::string file = (dir_.path() / "crl.pem").string();
  struct stat before {};
  ASSERT_EQ(::stat(file.c_str(), &before), 0);
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(file, O_WRONLY));
  ASSERT_OK(WriteFully(fd.get(), list));
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::futimens(fd.get(), times), 0);
  EXPECT_TRUE(Eventually([this] { return !RawHandshake({.certificate = bob_}).empty(); }));
  tcp_.reset();
}

// It has read the certificate when it waits for the list, which comes through a FIFO.
TEST_F(TcpServerTest, FilesThatChangeWhileItStartsAreTakenToo) {
  tcp_.reset();
  const std::filesystem::path file = dir_.path() / "crl.pem";
  std::filesystem::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  std::thread start([this] { StartTcp(); });
  absl::StatusOr<UniqueFd> list = OpenFile(file, O_WRONLY);
  const KeyedCertificate next = ServerCertificate("second");
  Write("server.pem", next.certificate);
  Write("server.key", next.key);
  Write("crl.pem", authority_.RevocationList());
  EXPECT_OK(WriteFully(list->get(), authority_.RevocationList()));
  list->Reset();
  start.join();
  EXPECT_TRUE(Eventually([this] {
    RawTls raw(tcp_->port(), {.certificate = alice_});
    return raw.Handshake().empty() && raw.ServerName() == "second";
  }));
}

TEST_F(TcpServerTest, OneClientHasSoManyConnectionsAndTheOthersGoOn) {
  limits_.connections_per_client = 3;
  StartTcp();
  std::vector<std::unique_ptr<RawTls>> three;
  for (int i = 0; i < 3; ++i) {
    three.push_back(std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = bob_}));
    ASSERT_EQ(three.back()->Handshake(), "");
  }
  RawTls fourth(tcp_->port(), {.certificate = bob_});
  EXPECT_EQ(fourth.Handshake(), "");
  EXPECT_THAT(fourth.ReadToTheEnd(), HasSubstr("too many connections of 'bob'"));
  EXPECT_OK(GetVmOver(Connect(alice_)));
  three.pop_back();
  EXPECT_TRUE(Eventually([this] {
    RawTls again(tcp_->port(), {.certificate = bob_});
    return again.Handshake().empty() && again.Write(Http2Frame(6, 0, 0, "12345678")) &&
           again.Read().find("too many") == std::string::npos;
  }));
}

TEST_F(TcpServerTest, WhoDoesNotFinishItsHandshakeIsDropped) {
  limits_.handshake = 500ms;
  StartTcp();
  const UniqueFd silent = ConnectLoopback(tcp_->port());
  char byte = 0;
  EXPECT_LE(::read(silent.get(), &byte, 1), 0);
  EXPECT_TRUE(Eventually([this] { return tcp_->connections() == 0; }));
  // Ours may take longer, too, where there is much else to do.
  EXPECT_TRUE(Eventually([this] { return RawHandshake({.certificate = alice_}).empty(); }));
}

TEST_F(TcpServerTest, WhyAClientIsTurnedAwayIsToldOnce) {
  tcp_.reset();
  const LogCapture log;
  limits_.linger = 1ms;
  StartTcp();
  const UniqueFd plain = ConnectLoopback(tcp_->port());
  ASSERT_TRUE(WriteFully(plain.get(), Http2Preface()).ok());
  char alert[64];
  EXPECT_GE(::read(plain.get(), alert, sizeof alert), 0);
  EXPECT_TRUE(Eventually([this] { return tcp_->connections() == 0; }));
  EXPECT_EQ(log.Count("address=127.0.0.1", "why="), 1);
  tcp_.reset();
}

// Neither while they say nothing, nor after they said nonsense.
TEST_F(TcpServerTest, StrangersOfOneAddressKeepNobodyOut) {
  limits_.connections = 20;
  limits_.strangers_per_network = 5;
  limits_.handshake = limits_.linger = 1h;
  for (const bool speak : {false, true}) {
    StartTcp();
    std::vector<UniqueFd> strangers;
    const char bytes[64] = "no TLS at all";
    for (int i = 0; i < 20; ++i) {
      strangers.push_back(ConnectLoopback(tcp_->port(), "127.0.0.2"));
      ASSERT_TRUE(strangers.back().valid());
      if (speak) ::send(strangers.back().get(), bytes, sizeof bytes, MSG_NOSIGNAL);
      // An alert, or the end.
      char answer[64];
      const bool answered = speak || i >= 5;
      EXPECT_LT(answered ? ::read(strangers.back().get(), answer, sizeof answer) : 0, 64);
    }
    EXPECT_EQ(tcp_->connections(), 5u) << speak;
    EXPECT_OK(GetVmOver(Connect(alice_)));
  }
}

TEST_F(TcpServerTest, StrangersOfManyAddressesLeaveRoomForThoseWhoAreServed) {
  limits_.connections = 20;
  limits_.handshake = 1h;
  StartTcp();
  RawTls bob(tcp_->port(), {.certificate = bob_});
  ASSERT_EQ(bob.Handshake(), "");
  std::vector<UniqueFd> strangers;
  for (int i = 0; i < 30; ++i)
    strangers.push_back(ConnectLoopback(tcp_->port(), absl::StrCat("127.0.1.", i + 1)));
  char byte = 0;
  for (std::size_t i = 10; i < 30; ++i) EXPECT_LE(::read(strangers[i].get(), &byte, 1), 0) << i;
  EXPECT_EQ(tcp_->connections(), 11u);
  strangers.clear();
  EXPECT_TRUE(Eventually([this] { return RawHandshake({.certificate = alice_}).empty(); }));
}

TEST_F(TcpServerTest, AClientThatIsRefusedKeepsNobodyOutEither) {
  limits_.connections = 20;
  limits_.connections_per_client = 3;
  limits_.strangers_per_network = 5;
  limits_.linger = 1h;
  StartTcp();
  std::vector<std::unique_ptr<RawTls>> bobs;
  for (int i = 0; i < 20; ++i) {
    bobs.push_back(
        std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = bob_, .from = "127.0.0.2"}));
    bobs.back()->Handshake();
  }
  EXPECT_LE(tcp_->connections(), 8u);
  EXPECT_OK(GetVmOver(Connect(alice_)));
}

// What a client did not let go of is its own.
TEST_F(TcpServerTest, ConnectionsThatLingerAreTheirClients) {
  limits_.connections_per_client = 3;
  limits_.linger = 1h;
  StartTcp();
  std::vector<std::unique_ptr<RawTls>> three;
  for (int i = 0; i < 3; ++i) {
    three.push_back(std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = bob_}));
    ASSERT_EQ(three.back()->Handshake(), "");
    three.back()->Write(std::string(1000, '\xff'));  // which ends it
    EXPECT_TRUE(three.back()->IsEnded());
  }
  RawTls fourth(tcp_->port(), {.certificate = bob_});
  EXPECT_EQ(fourth.Handshake(), "");
  EXPECT_THAT(fourth.ReadToTheEnd(), HasSubstr("too many connections of 'bob'"));
}

TEST_F(TcpServerTest, ThereAreOnlySoManyConnectionsAndThoseThatAreThereGoOn) {
  limits_.connections = 4;
  StartTcp();
  const auto channel = Connect(alice_);
  EXPECT_OK(GetVmOver(channel));
  std::vector<std::unique_ptr<RawTls>> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(std::make_unique<RawTls>(tcp_->port(), RawTls::Options{.certificate = bob_}));
    ASSERT_EQ(others.back()->Handshake(), "");
  }
  EXPECT_NE(RawHandshake({.certificate = bob_}), "");
  EXPECT_EQ(tcp_->connections(), 4u);
  EXPECT_OK(GetVmOver(channel));
  others.pop_back();
  EXPECT_TRUE(Eventually([this] { return RawHandshake({.certificate = bob_}).empty(); }));
}

TEST_F(TcpServerTest, BytesComeThroughUnharmedBothWays) {
  rpc::ClientCall call("", kSoon);
  const auto stream = vm::v1::VmService::NewStub(Connect(bob_))->ExecVm(call.context());
  std::string block(1 << 20, '\0');
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>(i * 7919 >> 8);
  vm::v1::ExecVmRequest request;
  request.set_name("vms/web");
  ASSERT_TRUE(stream->Write(request));
  for (int i = 0; i < 32; ++i) {
    request.mutable_input()->set_stdin(block);
    block[0] = static_cast<char>(i);
    request.mutable_input()->set_stdin(block);
    ASSERT_TRUE(stream->Write(request));
    vm::v1::ExecVmResponse response;
    ASSERT_TRUE(stream->Read(&response));
    ASSERT_TRUE(response.output().stdout() == block) << i;
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(TcpServerTest, MetadataHasASize) {
  const auto channel = Connect(alice_);
  // Of the gateway itself: daemons have a limit of their own.
  const auto check = [&](std::size_t bytes) {
    rpc::ClientCall call("", kSoon);
    call.context()->AddMetadata("big", std::string(bytes, 'x'));
    grpc::health::v1::HealthCheckResponse response;
    return rpc::FromGrpc(grpc::health::v1::Health::NewStub(channel)->Check(call.context(), {}, &response));
  };
  EXPECT_OK(check(12 << 10));
  EXPECT_THAT(check(17 << 10), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(GetVmOver(Connect(alice_)));
}

TEST_F(TcpServerTest, ConnectionsLeaveNoDescriptorsBehind) {
  EXPECT_OK(GetVmOver(Connect(alice_)));
  ASSERT_TRUE(Eventually([this] { return tcp_->connections() == 0; }));
  const int before = OpenDescriptors();
  for (int i = 0; i < 30; ++i) EXPECT_OK(GetVmOver(Connect(alice_)));
  for (int i = 0; i < 30; ++i) RawHandshake({});
  EXPECT_TRUE(Eventually([&] { return tcp_->connections() == 0 && OpenDescriptors() <= before + 4; }));
}

TEST_F(TcpServerTest, AShutdownEndsCallsAndTellsTheirClients) {
  rpc::ClientCall call("", 0ms);
  const auto stream = vm::v1::VmService::NewStub(Connect(bob_))->ExecVm(call.context());
  vm::v1::ExecVmRequest request;
  request.set_name("vms/hang");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(Eventually([this] { return fake_.hung == 1; }));
  tcp_.reset();
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == 1; }));
}

TEST_F(TcpServerTest, WhatIsWrongWithTheConfigurationIsNamed) {
  const auto start = [this] { return TcpServer::Start(tcp_config_, {}, {}).status(); };
  const GatewayConfig good = tcp_config_;
  tcp_config_.client_ca = "";
  EXPECT_THAT(start(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                "gateway.listen in the configuration needs gateway.client_ca as well"));
  tcp_config_ = good;
  tcp_config_.listen = "localhost:7443";
  EXPECT_THAT(start(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'localhost:7443' is no address")));
  tcp_config_ = good;
  tcp_config_.cert = tcp_config_.client_ca;
  EXPECT_THAT(start(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("it is not the key of")));
  tcp_config_ = good;
  ::chmod(good.key.c_str(), 0644);
  EXPECT_THAT(start(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("everybody can read this key")));
}

}  // namespace
}  // namespace banger::gateway
