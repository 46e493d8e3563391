// A gateway that is reached by TCP, with an authority of its own.
#pragma once

#include <signal.h>
#include <sys/stat.h>

#include "common/os/file.h"
#include "services/gateway/tcp_server.h"
#include "services/gateway/testing/gateway_fixture.h"
#include "services/gateway/testing/raw_tls.h"

namespace banger::gateway {

class TcpTest : public GatewayTest {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // as daemons do
    GatewayTest::SetUp();
    StartVmd();
    ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
    tcp_config_.listen = "127.0.0.1:0";
    tcp_config_.cert = (dir_.path() / "server.pem").string();
    tcp_config_.key = (dir_.path() / "server.key").string();
    tcp_config_.client_ca = (dir_.path() / "ca.pem").string();
    tcp_config_.client_crl = (dir_.path() / "crl.pem").string();
    Write("ca.pem", authority_.certificate());
    Write("crl.pem", authority_.RevocationList());
    const KeyedCertificate server = ServerCertificate("first");
    Write("server.pem", server.certificate);
    Write("server.key", server.key);
    limits_.reload = std::chrono::milliseconds(20);
    StartTcp();
  }

  void TearDown() override {
    tcp_.reset();
    GatewayTest::TearDown();
  }

  void StartTcp() {
    tcp_.reset();
    const auto configure = [this](grpc::ServerBuilder& builder) {
      parts_->Register(builder);
      builder.RegisterService(&own_);
    };
    ASSERT_OK_AND_ASSIGN(tcp_, TcpServer::Start(tcp_config_, configure, limits_));
  }

  void Write(const std::string& name, const std::string& text) {
    ASSERT_OK(WriteFileAtomically(dir_.path() / name, text, 0600));
  }

  KeyedCertificate ServerCertificate(const std::string& name) {
    return authority_.Issue({.name = name,
                             .units = {},
                             .usage = "serverAuth",
                             .alternative_names = "IP:127.0.0.1,DNS:localhost"});
  }

  KeyedCertificate ClientCertificate(const std::string& name, const std::string& role) {
    return authority_.Issue({.name = name, .units = {"banger-" + role}, .usage = "clientAuth"});
  }

  std::shared_ptr<grpc::Channel> Connect(const KeyedCertificate& client) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", tcp_->port()),
                                     grpc::SslCredentials({.pem_root_certs = authority_.certificate(),
                                                           .pem_private_key = client.key,
                                                           .pem_cert_chain = client.certificate}),
                                     arguments);
  }

  absl::Status GetVmOver(const std::shared_ptr<grpc::Channel>& channel) {
    rpc::ClientCall call("", kSoon);
    vm::v1::GetVmRequest request;
    request.set_name("vms/web");
    vm::v1::GetVmResponse response;
    return rpc::FromGrpc(vm::v1::VmService::NewStub(channel)->GetVm(call.context(), request, &response));
  }

  std::string RawHandshake(const RawTls::Options& options) {
    return RawTls(tcp_->port(), options).Handshake();
  }

  TestAuthority authority_{"the authority"};
  KeyedCertificate alice_ = ClientCertificate("alice", "viewer");
  KeyedCertificate bob_ = ClientCertificate("bob", "operator");
  GatewayConfig tcp_config_;
  TcpLimits limits_;
  std::unique_ptr<TcpServer> tcp_;
};

}  // namespace banger::gateway
