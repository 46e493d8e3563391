#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_all.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/system/host_files.h"
#include "cli/system/links.h"
#include "cli/system/systemd.h"
#include "cli/system/this_host.h"
#include "cli/system/vmms.h"
#include "common/config/system_paths.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class SystemUninstallCommand final : public Command {
 public:
  SystemUninstallCommand()
      : Command({.path = "system uninstall",
                 .summary = "Have this host run banger no longer",
                 .description =
                     "Stops and disables all daemons and removes the units that 'system install' wrote.\n"
                     "Refused while VMs run. Programs stay, as do the user 'banger' and, without\n"
                     "--purge, all VMs, images, kernels and the configuration.",
                 .examples = {{"sudo banger system uninstall", "VMs stay for the next installation"},
                              {"sudo banger system uninstall --purge", "nothing stays"}}}) {}

  void Declare(Flags& flags) override {
    flags.Switch("--purge", purge_, "delete VMs, images, kernels, cache and configuration too");
    flags.Switch("-f,--force", force_, "end VMs that run, as a power failure would");
    flags.Text("--root", "DIR", root_, "act on the system in this directory, which does not run");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const Systemd systemd(root_);
    const absl::Status done = Uninstall(systemd, context.client);
    if (!done.ok()) return Annotate(done, "uninstall banger");
    return kExitOk;
  }

 private:
  absl::Status Uninstall(const Systemd& systemd, Client& client) {
    const std::stop_token& stop = client.stop();
    BANGER_RETURN_IF_ERROR(SpeakToThisHost());
    ::setenv("BANGER_SOCKET", SystemPaths().Socket("gateway").c_str(), 1);
    BANGER_RETURN_IF_ERROR(systemd.CheckMayChange());
    if (!systemd.offline() && !force_) BANGER_RETURN_IF_ERROR(CheckThatNoVmRuns(systemd, client));
    BANGER_RETURN_IF_ERROR(StopAndDisable(systemd, stop));
    BANGER_ASSIGN_OR_RETURN(const auto removed, RemoveUnits(systemd.root()));
    for (const std::filesystem::path& file : removed) Note(absl::StrCat("removed ", file.string()));
    if (!systemd.offline())
      BANGER_RETURN_IF_ERROR(systemd.Run("systemctl", {"daemon-reload"}, stop).status());
    return purge_ ? RemoveState(systemd.root()) : absl::OkStatus();
  }

  static absl::Status StopAndDisable(const Systemd& systemd, const std::stop_token& stop) {
    std::vector<std::string> units = UnitsOf(systemd.root());
    if (!systemd.offline() && !units.empty()) {
      units.insert(units.begin(), "stop");
      BANGER_RETURN_IF_ERROR(systemd.Run("systemctl", std::move(units), stop).status());
      BANGER_RETURN_IF_ERROR(EndVmms(systemd, stop));
    }
    if (!HasUnits(systemd.root())) return absl::OkStatus();
    return systemd.Run("systemctl", {"disable", kTarget}, stop).status();
  }

  // netd keeps what VMs need until vmd says that they have ended, which nobody does now, nor
  // did when they ended while vmd was away: with an empty ledger it removes all that is its
  // own.
  static absl::Status EndVmms(const Systemd& systemd, const std::stop_token& stop) {
    BANGER_RETURN_IF_ERROR(KillGroup(kVmdGroup, stop));
    if (!HasLinksOfNetd("/sys/class/net")) return absl::OkStatus();
    BANGER_RETURN_IF_ERROR(RemoveTree("/run/banger-netd/endpoints"));
    BANGER_RETURN_IF_ERROR(systemd.Run("systemctl", {"start", kNetdUnit}, stop).status());
    return systemd.Run("systemctl", {"stop", kNetdUnit}, stop).status();
  }

  static absl::Status CheckThatNoVmRuns(const Systemd& systemd, Client& client) {
    const auto vms = ListAll(client, &vm::v1::VmService::Stub::ListVms);
    if (absl::IsUnavailable(vms.status())) return CheckThatNoVmmRuns(systemd, client.stop());
    if (!vms.ok()) return vms.status();
    std::vector<std::string> running;
    for (const vm::v1::Vm& vm : vms->vms())
      if (vm.state() != vm::v1::Vm::STATE_STOPPED && vm.state() != vm::v1::Vm::STATE_CREATED &&
          vm.state() != vm::v1::Vm::STATE_ERROR)
        running.push_back(IdOf(vm.name()));
    if (running.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("VMs run; stop them first: 'banger vm stop ", absl::StrJoin(running, " "), "'"));
  }

  // What daemons that are down left behind.
  static absl::Status CheckThatNoVmmRuns(const Systemd& systemd, const std::stop_token& stop) {
    pid_t vmd = 0;
    BANGER_ASSIGN_OR_RETURN(const std::vector<UnitState> states, UnitStates(systemd, stop));
    for (const UnitState& state : states)
      if (state.unit == kVmdUnit && !absl::SimpleAtoi(state.pid, &vmd)) vmd = 0;
    const std::vector<pid_t> vmms = Vmms(kVmdGroup, vmd);
    if (vmms.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("banger does not answer, and VMs run (processes ", absl::StrJoin(vmms, ", "),
                     "): 'banger system restart' and stop them, or --force"));
  }

  bool purge_ = false;
  bool force_ = false;
  std::string root_ = "/";
};

}  // namespace

std::unique_ptr<Command> SystemUninstall() { return std::make_unique<SystemUninstallCommand>(); }

}  // namespace banger::cli
