#include "services/vmd/adapters/qemu_argv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace banger::vmd {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Machine MakeMachine() {
  return {.uid = "0123456789ab",
          .sizes = {.vcpu = 1, .memory_mib = 512},
          .vmlinux = "/k/vmlinux",
          .rootfs = "/i.ext4",
          .disks = {.upper = "/v/upper.ext4",
                    .work = "/v/work.ext4",
                    .console_log = "/v/console.log",
                    .agent = "/a.ext4"},
          .network_mode = NetworkMode::kUser,
          .mac = "52:54:00:12:34:56"};
}

// The value that follows an option.
std::string After(const std::vector<std::string>& argv, const std::string& option) {
  const auto at = std::find(argv.begin(), argv.end(), option);
  return at == argv.end() || at + 1 == argv.end() ? "" : *(at + 1);
}

TEST(QemuArgvTest, TakesNothingFromTheHostsDefaultsAndConfinesItself) {
  const auto argv = QemuArgv("/usr/bin/qemu", MakeMachine(), Accelerator::kTcg, 2'596'098);
  EXPECT_EQ(argv[0], "/usr/bin/qemu");
  for (const char* option : {"-nodefaults", "-no-user-config", "-no-reboot", "-S"})
    EXPECT_THAT(argv, Contains(std::string(option)));
  EXPECT_THAT(After(argv, "-sandbox"), AllOf(HasSubstr("elevateprivileges=deny"), HasSubstr("spawn=deny"),
                                             HasSubstr("obsolete=deny"), HasSubstr("resourcecontrol=deny")));
  EXPECT_EQ(After(argv, "-name"), "banger-0123456789ab");
}

TEST(QemuArgvTest, ImageAndAgentAreReadOnlyAndTheAgentIsTheFirstDisk) {
  const auto argv = QemuArgv("q", MakeMachine(), Accelerator::kTcg, 1);
  EXPECT_THAT(argv, Contains(AllOf(HasSubstr("\"/i.ext4\""), HasSubstr("\"read-only\":true"))));
  EXPECT_THAT(argv, Contains(AllOf(HasSubstr("\"/a.ext4\""), HasSubstr("\"read-only\":true"))));
  EXPECT_THAT(argv, Contains(AllOf(HasSubstr("\"/v/upper.ext4\""), HasSubstr("\"read-only\":false"))));
  EXPECT_THAT(argv,
              Contains(AllOf(HasSubstr("virtio-mmio-bus.7,drive=agent"), HasSubstr("serial=banger-agent"))));
  EXPECT_THAT(argv, Contains(HasSubstr("virtio-mmio-bus.6,drive=image")));
}

TEST(QemuArgvTest, AnEmulatedGuestIsToldTheClockRate) {
  EXPECT_THAT(After(QemuArgv("q", MakeMachine(), Accelerator::kTcg, 2'596'098), "-append"),
              AllOf(HasSubstr("tsc_early_khz=2596098"), HasSubstr("root=/dev/vda ro"),
                    HasSubstr("init=/banger-agent"), HasSubstr("banger.vm=0123456789ab"),
                    Not(HasSubstr("nolapic_timer"))));
  EXPECT_THAT(KernelCommandLine("0123456789ab", Accelerator::kKvm, 1), Not(HasSubstr("tsc")));
}

TEST(QemuArgvTest, OnlyTheBridgeGetsADescriptorAndTheUserNetworkIsClosed) {
  Machine machine = MakeMachine();
  EXPECT_EQ(After(QemuArgv("q", machine, Accelerator::kKvm, 1), "-netdev"), "user,id=net,restrict=on");
  machine.network_mode = NetworkMode::kBridge;
  EXPECT_EQ(After(QemuArgv("q", machine, Accelerator::kKvm, 1), "-netdev"), "tap,id=net,fd=5");
}

TEST(QemuArgvTest, NoPathCanBecomeAnotherOption) {
  Machine machine = MakeMachine();
  machine.disks.console_log = "/v,server=on/console.log";
  machine.rootfs = "/i\",\"driver\":\"null-co\" ,x.ext4";
  const auto argv = QemuArgv("q", machine, Accelerator::kTcg, 1);
  EXPECT_THAT(argv, Contains(HasSubstr("path=/v,,server=on/console.log")));
  EXPECT_THAT(argv, Contains(HasSubstr(R"(/i\",\"driver\":\"null-co\" ,x.ext4)")));
}

TEST(QemuArgvTest, SeveralProcessorsAreEmulatedByThreads) {
  Machine machine = MakeMachine();
  machine.sizes.vcpu = 2;
  EXPECT_EQ(After(QemuArgv("q", machine, Accelerator::kTcg, 1), "-accel"), "tcg,thread=multi");
  EXPECT_EQ(After(QemuArgv("q", machine, Accelerator::kKvm, 1), "-accel"), "kvm");
}

TEST(QemuArgvTest, AFrozenMachineHasTheSameDevicesAndWaitsForItsState) {
  Machine machine = MakeMachine();
  auto booted = QemuArgv("q", machine, Accelerator::kTcg, 1);
  EXPECT_EQ(After(booted, "-incoming"), "");
  machine.frozen = FrozenRun{};
  auto frozen = QemuArgv("q", machine, Accelerator::kTcg, 1);
  EXPECT_EQ(After(frozen, "-incoming"), "defer");
  std::erase_if(frozen, [](const std::string& word) { return word == "-incoming" || word == "defer"; });
  EXPECT_EQ(frozen, booted);
}

TEST(QemuArgvTest, AnInitrdIsPassedOnlyWhenThereIsOne) {
  Machine machine = MakeMachine();
  EXPECT_EQ(After(QemuArgv("q", machine, Accelerator::kTcg, 1), "-initrd"), "");
  machine.initrd = "/k/initrd.img";
  EXPECT_EQ(After(QemuArgv("q", machine, Accelerator::kTcg, 1), "-initrd"), "/k/initrd.img");
}

}  // namespace
}  // namespace banger::vmd
