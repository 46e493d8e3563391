#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/network_flags.h"
#include "cli/commands/size_flags.h"
#include "cli/commands/vm_batch.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class VmSetCommand final : public Command {
 public:
  VmSetCommand()
      : Command(
            {.path = "vm set",
             .summary = "Change VMs: their sizes, and what they may do on the network",
             .description = "Sizes of a stopped VM: they are there after its next start; disks only grow.\n"
                            "The network at any time; a running guest feels it at once, also in\n"
                            "connections it has.",
             .examples = {{"banger vm set --memory 4G --disk-size 40G web", "more room, once it is stopped"},
                          {"banger vm set --nat web", "let it out"},
                          {"banger vm set --egress allow=deb.example.org web", "but only there"},
                          {"banger vm set --allow-vm db web", "web and db may reach each other"},
                          {"banger vm set --no-nat web db", "shut both in"}}}) {}

  void Declare(Flags& flags) override {
    DeclareVms(flags, vms_);
    DeclareSizes(flags, sizes_);
    flags.Switch("--nat", nat_, "out by the host's default route");
    flags.Switch("--no-nat", no_nat_, "no way out");
    DeclareEgress(flags, egress_);
    flags.List("--allow-vm", "VM", allow_, "this VM and that one may reach each other").complete =
        Names::kVms;
    flags.List("--disallow-vm", "VM", disallow_, "no longer").complete = Names::kVms;
  }

  absl::StatusOr<int> Run(Context& context) override {
    BANGER_ASSIGN_OR_RETURN(const vm::v1::UpdateVmRequest change, Check());
    return ForEachVm(context, vms_, "set", [&change, &client = context.client](const std::string& vm) {
      vm::v1::UpdateVmRequest request = change;
      request.set_name(VmName(vm));
      return client.Unary(&vm::v1::VmService::Stub::UpdateVm, request).status();
    });
  }

 private:
  absl::StatusOr<vm::v1::UpdateVmRequest> Check() const {
    if (nat_ && no_nat_) return UsageError("vm set: --nat and --no-nat exclude each other");
    if (!nat_ && !no_nat_ && egress_.empty() && allow_.empty() && disallow_.empty() && !sizes_.any())
      return UsageError("vm set: nothing to change; see 'banger vm set --help'");
    vm::v1::UpdateVmRequest request;
    BANGER_RETURN_IF_ERROR(SetSizes(sizes_, request));
    if (nat_ || no_nat_) request.set_nat(nat_);
    if (!egress_.empty()) {
      BANGER_ASSIGN_OR_RETURN(*request.mutable_egress(), ParseEgress(egress_));
    }
    for (const std::string& vm : allow_) request.add_allow_vms(VmName(vm));
    for (const std::string& vm : disallow_) request.add_disallow_vms(VmName(vm));
    return request;
  }

  std::vector<std::string> vms_;
  VmSizes sizes_;
  bool nat_ = false;
  bool no_nat_ = false;
  std::string egress_;
  std::vector<std::string> allow_;
  std::vector<std::string> disallow_;
};

}  // namespace

std::unique_ptr<Command> VmSet() { return std::make_unique<VmSetCommand>(); }

}  // namespace banger::cli
