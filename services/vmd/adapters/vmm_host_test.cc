// VMMs as processes, with QEMU that has no machine in it.
#include "services/vmd/adapters/vmm_host.h"

#include <signal.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/os/file.h"
#include "common/os/process.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/vmd/adapters/confinement.h"
#include "services/vmd/adapters/host_cpu.h"
#include "services/vmd/adapters/runtime_record.h"
#include "services/vmd/adapters/vmm_process.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kUid[] = "0123456789ab";

class PlainMonitor final : public VmmMonitor {
 public:
  PlainMonitor(absl::Status run, VmmExit exit) : run_(std::move(run)), exit_(std::move(exit)) {}
  absl::Status Run(const std::stop_token&) override { return run_; }
  absl::Status PowerDown() override { return absl::UnimplementedError("no button"); }
  absl::Status Pause() override { return absl::UnimplementedError("it does not stand still"); }
  absl::Status Resume() override { return absl::UnimplementedError("it does not stand still"); }
  absl::StatusOr<std::string> Freeze(const std::filesystem::path&, const std::stop_token&) override {
    return "1.0";
  }
  VmmExit HowItEnded() override { return exit_; }

 private:
  const absl::Status run_;
  const VmmExit exit_;
};

class PlainDriver final : public VmmDriver, public VmmDrivers {
 public:
  absl::StatusOr<VmmDriver*> Choose(const Machine&, const std::stop_token&) override { return this; }
  VmmDriver* Find(const std::string& vmm) override { return Knows(vmm) ? this : nullptr; }
  std::string name() const override { return "Plain"; }
  bool Knows(const std::string& vmm) const override { return vmm == "plain"; }
  absl::StatusOr<SpawnedVmm> Spawn(const Machine& machine, const VmmPaths&, const std::stop_token&) override {
    auto started =
        StartVmm({.launcher = BANGER_CONFINE,
                  .confined = {.files = FilesOfTrial("/usr/bin/qemu-system-x86_64", "/none"),
                               .argv = {"/usr/bin/qemu-system-x86_64", "-name", VmmLabel(machine.uid), "-M",
                                        "none", "-nodefaults", "-display", "none", "-S"}}});
    if (!started.ok()) return started.status();
    return SpawnedVmm{std::move(started->child), std::move(started->complaints), "plain",
                      std::make_unique<PlainMonitor>(run, exit)};
  }
  absl::StatusOr<std::unique_ptr<VmmMonitor>> Connect(const VmmPaths&, int) override {
    return std::make_unique<PlainMonitor>(run, exit);
  }
  AgentChannel Agent(const VmmPaths& paths) const override { return {.socket = paths.sockets / "agent"}; }

  absl::Status run;
  VmmExit exit;
};

class VmmHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    ASSERT_OK(MakeDirectories(Record().parent_path()));
    host_ = NewHost();
  }
  void TearDown() override {
    EXPECT_OK(host_->Destroy(kUid));
    EXPECT_THAT(FindVmmProcess(kUid), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_FALSE(std::filesystem::exists(dir_.path() / "run" / kUid));
    EXPECT_FALSE(std::filesystem::exists(Record()));
  }

  std::unique_ptr<VmmHost> NewHost() {
    return std::make_unique<VmmHost>(
        VmmHost::Options{.run_dir = dir_.path() / "run", .vms_dir = dir_.path() / "vms"}, driver_,
        [this](const std::string&, const VmmExit& exit) {
          const std::lock_guard lock(mutex_);
          exits_.push_back(exit);
        });
  }
  std::filesystem::path Record() const { return dir_.path() / "vms" / kUid / "runtime.json"; }
  std::vector<VmmExit> Exits() {
    const std::lock_guard lock(mutex_);
    return exits_;
  }

  TempDir dir_;
  PlainDriver driver_;
  std::mutex mutex_;
  std::vector<VmmExit> exits_;
  std::unique_ptr<VmmHost> host_;
};

TEST_F(VmmHostTest, ALaunchedVmmIsOnRecordAndHasASessionOfItsOwn) {
  ASSERT_OK_AND_ASSIGN(const VmmProcess process, host_->Launch({.uid = kUid}, {}));
  EXPECT_EQ(process.vmm, "plain");
  EXPECT_EQ(host_->Running(kUid)->pid, process.pid);
  EXPECT_EQ(::getsid(process.pid), process.pid);
  ASSERT_OK_AND_ASSIGN(const RuntimeRecord record, ReadRuntimeRecord(Record()));
  EXPECT_EQ(record.process.pid, process.pid);
  EXPECT_FALSE(host_->WaitForEnd(kUid, 0ms, {}));
}

TEST_F(VmmHostTest, ItsEndIsReportedOnceAndWithItsCause) {
  ASSERT_OK(host_->Launch({.uid = kUid}, {}));
  ASSERT_OK(host_->Signal(kUid, SIGKILL));
  EXPECT_TRUE(host_->WaitForEnd(kUid, 10s, {}));
  EXPECT_TRUE(Eventually([this] { return !Exits().empty(); }));
  EXPECT_FALSE(host_->Running(kUid).has_value());
  ASSERT_OK(host_->Destroy(kUid));
  ASSERT_EQ(Exits().size(), 1u);
  EXPECT_EQ(Exits()[0].kind, VmmExit::Kind::kEnded);
  EXPECT_EQ(Exits()[0].detail, "signal 9");
}

TEST_F(VmmHostTest, WhatTheMonitorKnowsOfTheEndCounts) {
  driver_.exit = {VmmExit::Kind::kPoweredOff, ""};
  ASSERT_OK(host_->Launch({.uid = kUid}, {}));
  ASSERT_OK(host_->Destroy(kUid));
  ASSERT_EQ(Exits().size(), 1u);
  EXPECT_EQ(Exits()[0].kind, VmmExit::Kind::kPoweredOff);
}

TEST_F(VmmHostTest, ThePanicOfThisRunIsTheCause) {
  const auto console = Record().parent_path() / "console.log";
  ASSERT_OK(WriteFileAtomically(console, "Kernel panic - not syncing: of an earlier run\n"));
  ASSERT_OK(host_->Launch({.uid = kUid}, {}));
  ASSERT_OK_AND_ASSIGN(std::string text, ReadFile(console));
  ASSERT_OK(WriteFileAtomically(console, text + "[ 1.0] Kernel panic - not syncing: no root\n"));
  ASSERT_OK(host_->Destroy(kUid));
  EXPECT_EQ(Exits()[0].kind, VmmExit::Kind::kPanicked);
  EXPECT_EQ(Exits()[0].detail, "[ 1.0] Kernel panic - not syncing: no root");
}

TEST_F(VmmHostTest, ANextVmdTakesItOverByItsIdentity) {
  ASSERT_OK_AND_ASSIGN(const VmmProcess process, host_->Launch({.uid = kUid}, {}));
  host_ = NewHost();
  EXPECT_FALSE(host_->Running(kUid).has_value());
  ASSERT_OK_AND_ASSIGN(const VmmProcess adopted, host_->Adopt(kUid));
  EXPECT_EQ(adopted.pid, process.pid);
  EXPECT_EQ(adopted.vmm, "plain");
  EXPECT_TRUE(Exits().empty());
}

TEST_F(VmmHostTest, AnotherProcessOfTheSameNumberIsNotTakenOver) {
  ASSERT_OK(host_->Launch({.uid = kUid}, {}));
  ASSERT_OK_AND_ASSIGN(RuntimeRecord record, ReadRuntimeRecord(Record()));
  record.process.start_ticks += 1;
  ASSERT_OK(WriteRuntimeRecord(Record(), record));
  host_ = NewHost();
  EXPECT_THAT(host_->Adopt(kUid), StatusIs(absl::StatusCode::kNotFound));
  // TearDown: it is found by its label all the same.
}

TEST_F(VmmHostTest, AFrozenMachineGoesOnOnlyOnItsOwnKindOfHostWithItsOwnVmm) {
  ASSERT_OK(host_->Launch({.uid = kUid}, {}));
  ASSERT_OK_AND_ASSIGN(const VmmIdentity vmm, host_->Freeze(kUid, dir_.path(), {}));
  EXPECT_EQ(vmm.vmm, "plain");
  EXPECT_EQ(vmm.version, "1.0");
  EXPECT_EQ(vmm.host_cpu, HostCpu());
  ASSERT_OK(host_->Destroy(kUid));

  Machine machine{.uid = kUid, .frozen = FrozenRun{.directory = dir_.path(), .machine = {.vmm = vmm}}};
  VmmIdentity& wanted = machine.frozen->machine.vmm;
  wanted.host_cpu = "Babbage's";
  EXPECT_THAT(host_->Launch(machine, {}), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                   AllOf(HasSubstr("Babbage's"), HasSubstr(HostCpu()))));
  wanted = vmm;
  wanted.vmm = "fancy";
  EXPECT_EQ(ErrorReason(host_->Launch(machine, {}).status()), "SNAPSHOT_UNFIT");
  EXPECT_THAT(FindVmmProcess(kUid), StatusIs(absl::StatusCode::kNotFound));
  wanted = vmm;
  EXPECT_OK(host_->Launch(machine, {}));
}

TEST_F(VmmHostTest, AVmmThatDoesNotRunIsAnErrorWithItsWords) {
  driver_.run = absl::InternalError("it refuses");
  EXPECT_THAT(host_->Launch({.uid = kUid}, {}), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                         AllOf(HasSubstr("Plain"), HasSubstr("it refuses"))));
}

}  // namespace
}  // namespace banger::vmd
