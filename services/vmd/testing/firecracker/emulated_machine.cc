#include "services/vmd/testing/firecracker/emulated_machine.h"

#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/process.h"
#include "common/status/status_macros.h"
#include "services/vmd/testing/firecracker/tied_process.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr int kQmpFd = 3;
constexpr int kPortFd = 4;
constexpr char kQemu[] = "/usr/bin/qemu-system-x86_64";

std::string Text(const json& object, const char* name) { return object.at(name).get<std::string>(); }

class QemuCommand {
 public:
  QemuCommand(const json& parts, std::int64_t tsc_khz) {
    const json& config = parts.at("machine-config");
    const std::string memory = absl::StrCat(config.at("mem_size_mib").dump(), "M");
    const int vcpus = config.at("vcpu_count");
    // Power-off stops the machine and keeps the process, as the real one cannot be
    // switched off; a reset is told by QMP.
    Add({kQemu,
         "-nodefaults",
         "-no-user-config",
         "-display",
         "none",
         "-no-reboot",
         "-action",
         "shutdown=pause",
         "-M",
         "microvm,acpi=on",
         "-m",
         memory,
         "-accel",
         vcpus > 1 ? "tcg,thread=multi" : "tcg",
         "-cpu",
         "Nehalem",
         "-smp",
         absl::StrCat(vcpus),
         "-chardev",
         absl::StrCat("socket,id=qmp,fd=", kQmpFd),
         "-mon",
         "chardev=qmp,mode=control",
         "-serial",
         "stdio",
         "-device",
         "i8042"});
    AddBoot(parts, tsc_khz);
    for (const json& drive : parts.value("drives", json::array())) AddDrive(drive);
    for (const json& interface : parts.value("network-interfaces", json::array())) AddInterface(interface);
    if (parts.contains("vsock")) {
      Add({"-chardev", absl::StrCat("socket,id=agent,fd=", kPortFd, ",server=on,wait=off")});
      AddDevice("virtio-serial-device", ",id=serial");
      Add({"-device", "virtserialport,chardev=agent,name=banger.agent,bus=serial.0,nr=1"});
    }
    if (parts.contains("entropy")) AddDevice("virtio-rng-device", "");
    if (parts.contains("balloon"))
      AddDevice("virtio-balloon-device",
                parts["balloon"].at("deflate_on_oom") == true ? ",deflate-on-oom=on" : "");
    if (parts.contains("frozen")) Add({"-incoming", "defer"});
  }

  const std::vector<std::string>& argv() const { return argv_; }

 private:
  void Add(const std::vector<std::string>& arguments) {
    argv_.insert(argv_.end(), arguments.begin(), arguments.end());
  }
  // The kernel meets the highest bus first.
  void AddDevice(const std::string& device, const std::string& options) {
    Add({"-device", absl::StrCat(device, ",bus=virtio-mmio-bus.", bus_--, options)});
  }

  void AddBoot(const json& parts, std::int64_t tsc_khz) {
    const json& source = parts.at("boot-source");
    std::string arguments = source.value("boot_args", "");
    for (const json& drive : parts.value("drives", json::array()))
      if (drive["is_root_device"] == true)
        absl::StrAppend(&arguments, " root=/dev/vda ", drive["is_read_only"] == true ? "ro" : "rw");
    // What the emulation needs where KVM has a clock of its own.
    absl::StrAppend(&arguments, " tsc_early_khz=", tsc_khz, " tsc=reliable no_timer_check noreplace-smp");
    Add({"-kernel", Text(source, "kernel_image_path"), "-append", arguments});
    if (source.contains("initrd_path")) Add({"-initrd", Text(source, "initrd_path")});
  }

  // Serial numbers are Firecracker's to choose: the agent does without them.
  void AddDrive(const json& drive) {
    const bool read_only = drive["is_read_only"];
    const std::string id = Text(drive, "drive_id");
    const json node = {
        {"node-name", id},
        {"driver", "raw"},
        {"read-only", read_only},
        {"file", {{"driver", "file"}, {"filename", Text(drive, "path_on_host")}, {"read-only", read_only}}}};
    Add({"-blockdev", node.dump()});
    AddDevice("virtio-blk-device", absl::StrCat(",drive=", id));
  }

  void AddInterface(const json& interface) {
    const std::string id = Text(interface, "iface_id");
    Add({"-netdev", absl::StrCat("tap,id=", id, ",ifname=", Text(interface, "host_dev_name"),
                                 ",script=no,downscript=no,vhost=off")});
    AddDevice("virtio-net-device", absl::StrCat(",netdev=", id, ",mac=", Text(interface, "guest_mac")));
  }

  std::vector<std::string> argv_;
  int bus_ = 7;
};

void End(const UniqueFd& process) {
  if (!process.valid()) return;
  SignalProcess(process.get(), SIGKILL).IgnoreError();
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(process.get()), &info, WEXITED);
}

}  // namespace

EmulatedMachine::~EmulatedMachine() { End(qemu_); }

absl::Status EmulatedMachine::Start(const json& parts, std::int64_t tsc_khz, UniqueFd console, UniqueFd qmp,
                                    UniqueFd port) {
  BANGER_ASSIGN_OR_RETURN(qemu_, StartTied(QemuCommand(parts, tsc_khz).argv(),
                                           {{1, console.get()}, {kQmpFd, qmp.get()}, {kPortFd, port.get()}}));
  return absl::OkStatus();
}

}  // namespace banger::vmd
