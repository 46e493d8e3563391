// The gateway for other hosts: who gets in, and as whom.
#include "services/gateway/tcp_server.h"

#include <sys/stat.h>

#include "services/gateway/testing/tcp_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;
using TcpServerTest = TcpTest;

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
