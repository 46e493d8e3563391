#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "banger/system/v1/system_service.grpc.pb.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_all.h"
#include "cli/doctor/daemons.h"
#include "cli/doctor/host.h"
#include "cli/doctor/kvm.h"
#include "cli/doctor/kvm_vcpu.h"
#include "cli/doctor/layout.h"
#include "cli/doctor/nat.h"
#include "cli/doctor/network.h"
#include "cli/doctor/report.h"
#include "cli/doctor/sockets.h"
#include "cli/doctor/store.h"
#include "cli/doctor/subnet.h"
#include "cli/doctor/update.h"
#include "cli/doctor/vmm_versions.h"
#include "cli/errors.h"
#include "cli/exec/captured.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "cli/system/host_files.h"
#include "cli/system/this_host.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

void Add(Findings& all, Findings more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Findings CheckHost(const Config& config, const Layout& layout, const std::stop_token& stop) {
  const Paths& paths = layout.paths;
  const char* own_path = std::getenv("PATH");
  const char* path = layout.is_system || own_path == nullptr ? kPathOfUnits : own_path;
  const std::string cpuinfo = ReadFile("/proc/cpuinfo").value_or("");
  Finding kvm = CheckKvm({"/proc/self/exe", "__doctor-kvm"}, config.vmm, cpuinfo, stop);
  if (layout.is_system) kvm = ForUser(kvm, "banger", "/dev/kvm", config.vmm);
  Findings findings = {CheckCpu(cpuinfo, kvm.verdict == Verdict::kPass), kvm};
  Add(findings, CheckVmms(config, kvm.verdict == Verdict::kPass, path, stop));
  findings.push_back(CheckFileSystemTools());
  findings.push_back(CheckSpace("state", paths.state_dir));
  findings.push_back(CheckSpace("cache", paths.cache_dir));
  findings.push_back(
      CheckClock(std::chrono::system_clock::now(), GetBuildInfo().time, ClockIsSynchronised()));
  findings.push_back(CheckStore(paths.state_dir / "vmd.sqlite3"));
  if (const auto prefix = InstalledPrefix(); prefix.ok()) findings.push_back(CheckUpdate(*prefix));
  return findings;
}

Finding NotAsked(const std::string& check, const absl::Status& status) {
  const std::string hint = HintFor(status);
  const std::string repair = absl::IsUnavailable(status) ? "sudo banger system restart"
                             : hint.empty()              ? "journalctl -u 'banger-*'"
                                                         : hint;
  return Failure(check, OneLine(std::string(status.message())), repair);
}

Findings CheckNetwork(Client& client, const system::v1::GetNetworkResponse& network, const Paths& paths) {
  const std::string routes = ReadFile("/proc/net/route").value_or("");
  Findings findings = {CheckSubnet(network, routes),
                       CheckBridge(network, "/sys/class/net", paths.netd_run_dir)};
  Add(findings, JudgeNetwork(network));
  const auto in_vm = [&](const std::string& vm, const std::vector<std::string>& argv) -> absl::StatusOr<int> {
    BANGER_ASSIGN_OR_RETURN(const CapturedExec done,
                            RunCaptured(client, vm, {.argv = argv, .timeout = kQuick}));
    return done.exit_code;
  };
  const auto on_host = [&](const std::vector<std::string>& argv) -> absl::StatusOr<int> {
    BANGER_ASSIGN_OR_RETURN(const CommandResult done, RunCommand({.argv = argv}, {}, client.stop()));
    return done.status.code;
  };
  findings.push_back(CheckNat(network, routes, in_vm, on_host));
  findings.push_back(CheckNames(network, ResolveByNss));
  return findings;
}

Findings AskDaemons(Client& client, const Config& config, const Paths& paths, bool kvm_works) {
  Findings findings;
  const auto daemons =
      client.Unary(&system::v1::SystemService::Stub::ListDaemons, system::v1::ListDaemonsRequest());
  if (!daemons.ok()) return {NotAsked("daemons", daemons.status())};
  Add(findings, JudgeDaemons(*daemons, GetBuildInfo()));
  const auto kernels = ListAll(client, &kernel::v1::KernelService::Stub::ListKernels);
  findings.push_back(kernels.ok() ? JudgeKernels(*kernels) : NotAsked("kernel", kernels.status()));
  const auto images = ListAll(client, &image::v1::ImageService::Stub::ListImages);
  findings.push_back(images.ok() ? JudgeImages(*images, config.default_image)
                                 : NotAsked("image", images.status()));
  const auto vms = ListAll(client, &vm::v1::VmService::Stub::ListVms);
  Add(findings, vms.ok() ? JudgeVms(*vms, kvm_works) : Findings{NotAsked("vms", vms.status())});
  const auto network =
      client.Unary(&system::v1::SystemService::Stub::GetNetwork, system::v1::GetNetworkRequest());
  if (network.ok())
    Add(findings, CheckNetwork(client, *network, paths));
  else if (!absl::IsUnavailable(network.status()))
    findings.push_back(NotAsked("network", network.status()));
  else
    findings.push_back(Warning(
        "network",
        absl::StrCat("VMs have user-mode networks: ", OneLine(std::string(network.status().message()))),
        "sudo systemctl restart banger-netd"));
  return findings;
}

class DoctorCommand final : public Command {
 public:
  DoctorCommand()
      : Command({.path = "doctor",
                 .summary = "Look for what keeps banger from working well",
                 .description =
                     "PASS: as it should be. WARN: works, but worse than it could, or could not be looked\n"
                     "at. FAIL: does not work. What repairs it follows. Nothing is changed; a VM with NAT,\n"
                     "if one runs, sends a ping, which counts as a use of it. The exit code is 1 when\n"
                     "something failed, else 0. As root it sees more.",
                 .examples = {{"banger doctor", "each check with its result"},
                              {"banger doctor --format json", "for programs"}}}) {}

  void Declare(Flags& flags) override {
    flags.Choice("--format", "FORMAT", format_, {"table", "json"}, "how to print, default table");
  }

  absl::StatusOr<int> Run(Context& context) override {
    BANGER_RETURN_IF_ERROR(SpeakToThisHost());
    BANGER_ASSIGN_OR_RETURN(const Layout layout, FindLayout());
    ::setenv("BANGER_SOCKET", layout.socket.c_str(), 1);
    Findings findings;
    absl::StatusOr<Config> config = LoadConfig(layout.paths.config_files);
    if (config.ok())
      findings.push_back(Pass("config", "is right"));
    else
      findings.push_back(
          Failure("config", std::string(config.status().message()), "edit the file at that line"));
    const Config& known = config.ok() ? *config : defaults_;
    Add(findings, CheckHost(known, layout, context.client.stop()));
    findings.push_back(CheckSockets(layout.socket));
    bool kvm_works = false;
    for (const Finding& finding : findings)
      if (finding.check == "kvm") kvm_works = finding.verdict == Verdict::kPass;
    Add(findings, AskDaemons(context.client, known, layout.paths, kvm_works));
    if (context.client.stop().stop_requested()) return absl::CancelledError("interrupted");
    BANGER_RETURN_IF_ERROR(WriteStdout(format_ == "json" ? ReportJson(findings) : ReportLines(findings)));
    for (const Finding& finding : findings)
      if (finding.verdict == Verdict::kFail) return kExitFailed;
    return kExitOk;
  }

 private:
  std::string format_ = "table";
  const Config defaults_;
};

// In a process of its own, as a broken KVM may never come back.
class DoctorKvmCommand final : public Command {
 public:
  DoctorKvmCommand() : Command({.path = "__doctor-kvm", .summary = "Run a vCPU", .hidden = true}) {}
  void Declare(Flags&) override {}
  absl::StatusOr<int> Run(Context&) override {
    const absl::Status ran = RunVcpu();
    if (ran.ok()) return kExitOk;
    BANGER_RETURN_IF_ERROR(WriteStderr(absl::StrCat(ran.message(), "\n")));
    return kExitFailed;
  }
};

}  // namespace

std::unique_ptr<Command> Doctor() { return std::make_unique<DoctorCommand>(); }
std::unique_ptr<Command> DoctorKvm() { return std::make_unique<DoctorKvmCommand>(); }

}  // namespace banger::cli
