// The real service over a fake host; the caller is this process.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <optional>

#include "common/testing/status_matchers.h"
#include "services/netd/network_service.h"
#include "services/netd/testing/fake_host.h"

namespace banger::netd {

class ServiceFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    Reconciliation done;
    ASSERT_OK_AND_ASSIGN(
        network_,
        Network::Start("br-banger", *Subnet::Create(*Ipv4::Parse("172.30.0.1"), 29), host_.AsHost(), &done));
    service_.emplace(
        "br-test",
        [] {
          return DnsStatus{.guest_server = "172.30.0.1",
                           .host_resolver = "systemd-resolved",
                           .warnings = {"the host cannot resolve names"}};
        },
        *network_, workers_);
    grpc::ServerBuilder builder;
    builder.RegisterService(&*service_);
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel({});
    stub_ = v1::NetworkService::NewStub(channel_);
  }
  void TearDown() override { server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1)); }

  FakeHost host_;
  WorkerPool workers_{4, 16};
  std::unique_ptr<Network> network_;
  std::optional<NetworkService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::NetworkService::Stub> stub_;
};

}  // namespace banger::netd
