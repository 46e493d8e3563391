#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/vm_batch.h"
#include "cli/names.h"
#include "cli/output/progress.h"
#include "cli/output/time.h"
#include "cli/settings/user_settings.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class VmRestartCommand final : public Command {
 public:
  VmRestartCommand()
      : Command({.path = "vm restart",
                 .summary = "Stop VMs and boot them again",
                 .description = "As 'vm stop', then 'vm start'.",
                 .examples = {{"banger vm restart web", "ready when the command returns"},
                              {"banger vm restart web db cache", "all at once"}}}) {}

  void Declare(Flags& flags) override {
    DeclareVms(flags, vms_);
    flags.Duration("--timeout", timeout_,
                   "how long the guest may take to power off before it is killed; default 30");
  }

  absl::StatusOr<int> Run(Context& context) override {
    BANGER_ASSIGN_OR_RETURN(const UserSettings settings, ReadUserSettings(context.client.stop()));
    return ForEachVm(context, vms_, "restart", [&, &client = context.client](const std::string& vm) {
      vm::v1::RestartVmRequest request;
      request.set_name(VmName(vm));
      if (timeout_.has_value()) *request.mutable_timeout() = ToProto(*timeout_);
      // Several live lines would overwrite each other.
      ProgressView view(absl::StrCat("restart vm '", vm, "'"), vms_.size() == 1);
      BANGER_RETURN_IF_ERROR(client.Stream(&vm::v1::VmService::Stub::RestartVm, request, kLong,
                                           [&view](const vm::v1::RestartVmResponse& response) {
                                             if (response.has_progress()) view.Show(response.progress());
                                             return absl::OkStatus();
                                           }));
      SendUserSettings(client, IdOf(VmName(vm)), settings);
      return absl::OkStatus();
    });
  }

 private:
  std::vector<std::string> vms_;
  std::optional<absl::Duration> timeout_;
};

}  // namespace

std::unique_ptr<Command> VmRestart() { return std::make_unique<VmRestartCommand>(); }

}  // namespace banger::cli
