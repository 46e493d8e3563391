#include "services/vmd/adapters/qemu_argv.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/vmd/adapters/kernel_arguments.h"
#include "services/vmd/adapters/vmm_process.h"

namespace banger::vmd {
namespace {

using nlohmann::json;

// QEMU's own escape inside a comma-separated option.
std::string Escape(const std::filesystem::path& path) {
  return absl::StrReplaceAll(path.string(), {{",", ",,"}});
}

// The bus is given, as the guest's kernel meets the highest one first: it holds
// /dev/vda.
std::string Bus(int nth) { return absl::StrCat("virtio-mmio-bus.", 7 - nth); }

void AddDisk(std::vector<std::string>& argv, int nth, const std::string& id,
             const std::filesystem::path& path, bool read_only) {
  const json node = {{"node-name", id},
                     {"driver", "raw"},
                     {"read-only", read_only},
                     {"discard", read_only ? "ignore" : "unmap"},
                     {"file", {{"driver", "file"}, {"filename", path.string()}, {"read-only", read_only}}}};
  argv.insert(argv.end(),
              {"-blockdev", node.dump(), "-device",
               absl::StrCat("virtio-blk-device,bus=", Bus(nth), ",drive=", id, ",serial=banger-", id)});
}

void AddNetwork(std::vector<std::string>& argv, const Machine& machine) {
  // Restricted: the guest reaches neither the host nor what the host reaches.
  const std::string netdev = machine.network_mode == NetworkMode::kBridge
                                 ? absl::StrCat("tap,id=net,fd=", kTapFd)
                                 : std::string("user,id=net,restrict=on");
  argv.insert(argv.end(), {"-netdev", netdev, "-device",
                           absl::StrCat("virtio-net-device,bus=", Bus(4), ",netdev=net,mac=", machine.mac)});
}

void AddAccelerator(std::vector<std::string>& argv, Accelerator accelerator, int vcpu) {
  if (accelerator == Accelerator::kKvm) {
    argv.insert(argv.end(), {"-accel", "kvm", "-cpu", "host"});
  } else {
    // x86-64-v2, what distributions are built for today; QEMU's default has less, and
    // more (max) costs a tenth of the boot.
    argv.insert(argv.end(), {"-accel", vcpu > 1 ? "tcg,thread=multi" : "tcg", "-cpu", "Nehalem"});
  }
}

}  // namespace

std::string VmmName(Accelerator accelerator) {
  return accelerator == Accelerator::kKvm ? "qemu-kvm" : "qemu-tcg";
}

std::string KernelCommandLine(const std::string& uid, Accelerator accelerator, std::int64_t tsc_khz) {
  const std::string common = absl::StrCat(KernelArguments(uid), " root=/dev/vda ro reboot=t");
  if (accelerator == Accelerator::kKvm) return common;
  // There is no better clock to check the counter against, only worse ones.
  return absl::StrCat(common, " tsc_early_khz=", tsc_khz, " tsc=reliable no_timer_check noreplace-smp");
}

std::vector<std::string> QemuArgv(const std::filesystem::path& qemu, const Machine& machine,
                                  Accelerator accelerator, std::int64_t tsc_khz) {
  std::vector<std::string> argv = {qemu.string(), "-name",           VmmLabel(machine.uid),
                                   "-nodefaults", "-no-user-config", "-display",
                                   "none",        "-no-reboot",      "-S",
                                   "-M",          "microvm,acpi=on"};
  AddAccelerator(argv, accelerator, machine.sizes.vcpu);
  argv.insert(
      argv.end(),
      {"-smp", absl::StrCat(machine.sizes.vcpu), "-m", absl::StrCat(machine.sizes.memory_mib, "M"),
       "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-chardev",
       absl::StrCat("socket,id=qmp,fd=", kQmpFd, ",server=on,wait=off"), "-mon", "chardev=qmp,mode=control",
       "-chardev", absl::StrCat("file,id=console,append=on,path=", Escape(machine.disks.console_log)),
       "-serial", "chardev:console", "-kernel", machine.vmlinux.string(), "-append",
       KernelCommandLine(machine.uid, accelerator, tsc_khz)});
  // Told where from by the monitor.
  if (machine.frozen.has_value()) argv.insert(argv.end(), {"-incoming", "defer"});
  if (!machine.initrd.empty()) argv.insert(argv.end(), {"-initrd", machine.initrd.string()});
  AddDisk(argv, 0, "agent", machine.disks.agent, true);
  AddDisk(argv, 1, "image", machine.rootfs, true);
  AddDisk(argv, 2, "upper", machine.disks.upper, false);
  AddDisk(argv, 3, "work", machine.disks.work, false);
  AddNetwork(argv, machine);
  argv.insert(argv.end(), {"-device", absl::StrCat("virtio-serial-device,bus=", Bus(5), ",id=serial"),
                           "-chardev", absl::StrCat("socket,id=agent,fd=", kAgentFd, ",server=on,wait=off"),
                           "-device", "virtserialport,chardev=agent,name=banger.agent,bus=serial.0,nr=1",
                           "-device", absl::StrCat("virtio-rng-device,bus=", Bus(6)), "-device",
                           absl::StrCat("virtio-balloon-device,bus=", Bus(7),
                                        ",deflate-on-oom=on,free-page-reporting=on")});
  return argv;
}

KvmTrial QemuKvmTrial(const std::filesystem::path& qemu, const std::filesystem::path& vmlinux) {
  return {.argv = {qemu.string(),
                   "-nodefaults",
                   "-no-user-config",
                   "-display",
                   "none",
                   "-no-reboot",
                   "-M",
                   "microvm,acpi=on",
                   "-accel",
                   "kvm",
                   "-cpu",
                   "host",
                   "-m",
                   "256M",
                   "-serial",
                   "stdio",
                   "-kernel",
                   vmlinux.string(),
                   "-append",
                   "console=ttyS0 panic=-1 reboot=t"},
          .input = {},
          .program = qemu,
          .vmlinux = vmlinux};
}

}  // namespace banger::vmd
