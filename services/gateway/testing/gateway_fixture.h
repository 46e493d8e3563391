// A whole gateway in a directory of its own, and a fake vmd to put behind it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/rpc/server.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "services/gateway/server.h"
#include "services/gateway/testing/fake_vmd.h"

namespace banger::gateway {

class GatewayTest : public ::testing::Test {
 protected:
  static constexpr int kWorkers = 8;
  static constexpr std::chrono::seconds kSoon{20};  // for what must happen; never waited out

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    paths_.run_dir = dir_.path();
    paths_.netd_run_dir = dir_.path();
    ASSERT_OK_AND_ASSIGN(
        parts_, MakeParts({.config = config_, .paths = paths_, .workers = *workers_, .metrics = metrics_}));
    ASSERT_OK_AND_ASSIGN(
        gateway_, rpc::Server::Start({.socket = socket(),
                                      .configure =
                                          [this](auto& builder) {
                                            parts_->Register(builder);
                                            builder.RegisterService(&own_);
                                          },
                                      .role_of = [this](const auto& peer,
                                                        const auto& groups) { return RoleOf(peer, groups); },
                                      .default_health = false}));
    parts_->OnServing();
    vms_ = vm::v1::VmService::NewStub(channel_ = rpc::ConnectDaemon(socket()));
  }

  void TearDown() override {
    vmd_.reset();
    parts_->OnShutdown();
    gateway_->Shutdown(std::chrono::seconds(1));
    workers_.reset();
  }

  // Of those who come by the socket.
  virtual std::string RoleOf(const PeerCredentials& peer, const std::vector<gid_t>& groups) {
    return parts_->RoleOf(peer, groups);
  }

  std::filesystem::path socket() const { return paths_.Socket("gateway"); }

  void StartVmd() { ASSERT_OK_AND_ASSIGN(vmd_, ServeVmd(paths_.Socket("vmd"), {&fake_, &self_})); }

  absl::StatusOr<vm::v1::Vm> GetVm(const std::string& name, std::chrono::milliseconds timeout = kSoon) {
    rpc::ClientCall call("", timeout);
    vm::v1::GetVmRequest request;
    request.set_name(name);
    vm::v1::GetVmResponse response;
    const absl::Status status = rpc::FromGrpc(vms_->GetVm(call.context(), request, &response));
    if (!status.ok()) return status;
    return response.vm();
  }

  // Whether the gateway knows that vmd is there.
  bool VmdIsSeen() {
    const auto health = grpc::health::v1::Health::NewStub(channel_);
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service("banger.vm.v1.VmService");
    grpc::health::v1::HealthCheckResponse response;
    return health->Check(&context, request, &response).ok() &&
           response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
  }

  TempDir dir_;
  Config config_;
  Paths paths_;
  rpc::DaemonMetrics metrics_;  // of this process, with the fakes that are in it
  FakeVmd fake_;
  rpc::DaemonService self_{"vmd"};
  rpc::DaemonService own_{"gateway"};
  std::unique_ptr<WorkerPool> workers_ = std::make_unique<WorkerPool>(kWorkers, 8);
  std::unique_ptr<rpc::DaemonParts> parts_;
  std::unique_ptr<rpc::Server> gateway_;
  std::unique_ptr<rpc::Server> vmd_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<vm::v1::VmService::Stub> vms_;
};

}  // namespace banger::gateway
