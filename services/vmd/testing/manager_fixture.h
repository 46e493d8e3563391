// A VmManager on a fake host.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/testing/status_matchers.h"
#include "services/vmd/core/vm_manager.h"
#include "services/vmd/testing/fakes.h"

namespace banger::vmd {

class ManagerFixture : public ::testing::Test {
 protected:
  inline static const ProgressFn kQuiet = [](const Progress&) {};

  ManagerFixture() { StartVmd(); }
  ~ManagerFixture() override { vms_.reset(); }

  void StartVmd() {
    const HostCapacity host{.cpus = 4, .memory_mib = 16384};
    vms_ = std::make_unique<VmManager>(world_.ports(), VmManagerOptions{.host = host,
                                                                        .defaults = *DefaultSizes({}, host),
                                                                        .default_image = "mini",
                                                                        .stale_after = stale_after_});
    world_.vmm.on_exit = [this](const std::string& uid, const VmmExit& exit) { vms_->OnVmmExit(uid, exit); };
  }
  // kill -9, and a new vmd on the same host.
  void RestartVmd() {
    world_.vmm.Restart();
    vms_.reset();
    world_.host.Mend();
    StartVmd();
    ASSERT_OK(vms_->Recover());
    EXPECT_TRUE(vms_->CollectGarbage());
  }
  absl::StatusOr<VmView> Create(const std::string& name, bool no_start = false) {
    return vms_->Create({.name = name, .no_start = no_start}, kQuiet, {});
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto views = vms_->List("", 1000);
    if (views.ok())
      for (const VmView& view : *views) names.push_back(view.vm.name);
    return names;
  }
  VmState StateOf(const std::string& name) {
    const auto view = vms_->Get(name);
    return view.ok() ? view->vm.state : VmState{};
  }
  void ExpectNothingLeft() {
    EXPECT_THAT(Names(), ::testing::IsEmpty());
    EXPECT_THAT(world_.things.All(), ::testing::IsEmpty());
    EXPECT_THAT(*world_.store.Ledger(""), ::testing::IsEmpty());
  }

  FakeWorld world_;
  std::chrono::seconds stale_after_{0};
  std::unique_ptr<VmManager> vms_;
};

}  // namespace banger::vmd
