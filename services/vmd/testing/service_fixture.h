// vmd's service over a real socket, on a fake host, with an agent that the test
// plays.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/rpc/server.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/vmd/testing/fake_agent.h"
#include "services/vmd/testing/fakes.h"
#include "services/vmd/vm_service.h"

namespace banger::vmd {

class ServiceFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create("/tmp"));
    world_.files.root = dir_.path();
    const HostCapacity host{.cpus = 4, .memory_mib = 16384};
    vms_ = std::make_unique<VmManager>(world_.ports(), VmManagerOptions{.host = host,
                                                                        .defaults = *DefaultSizes({}, host),
                                                                        .default_image = "mini",
                                                                        .stale_after = stale_after_});
    world_.vmm.on_exit = [this](const std::string& uid, const VmmExit& exit) { vms_->OnVmmExit(uid, exit); };
    stats_ = std::make_unique<StatsKeeper>(*vms_, world_.meter, links_, world_.clock);
    service_ = std::make_unique<VmServiceImpl>(workers_, *vms_, world_.files, links_, *stats_);
    ASSERT_OK_AND_ASSIGN(server_, rpc::Server::Start({.socket = dir_.path() / "vmd.sock",
                                                      .configure = [this](grpc::ServerBuilder& builder) {
                                                        builder.RegisterService(service_.get());
                                                      }}));
    stub_ = vm::v1::VmService::NewStub(rpc::ConnectDaemon(dir_.path() / "vmd.sock"));
  }
  void TearDown() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::milliseconds(0));
    stats_.reset();
    vms_.reset();
  }

  // A running VM; its uid.
  std::string CreateVm(const std::string& name) {
    const auto view = vms_->Create({.name = name}, [](const Progress&) {}, {});
    EXPECT_OK(view);
    return view.ok() ? view->vm.uid : "";
  }
  std::filesystem::path AgentSocket(const std::string& uid) const { return dir_.path() / uid; }

  std::chrono::seconds stale_after_{0};  // to be set before SetUp; 0: never
  TempDir dir_;
  FakeWorld world_;
  WorkerPool workers_{16, 16};
  GuestLinks links_{std::chrono::seconds(3)};
  std::unique_ptr<VmManager> vms_;
  std::unique_ptr<StatsKeeper> stats_;
  std::unique_ptr<VmServiceImpl> service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<vm::v1::VmService::Stub> stub_;
};

}  // namespace banger::vmd
