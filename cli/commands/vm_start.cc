#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/vm_batch.h"
#include "cli/names.h"
#include "cli/output/progress.h"
#include "cli/settings/user_settings.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class VmStartCommand final : public Command {
 public:
  VmStartCommand()
      : Command({.path = "vm start",
                 .summary = "Boot VMs",
                 .description = "One that runs already is left as it is.",
                 .examples = {{"banger vm start web", "ready when the command returns"},
                              {"banger vm start web db cache", "all at once"}}}) {}

  void Declare(Flags& flags) override { DeclareVms(flags, vms_); }

  absl::StatusOr<int> Run(Context& context) override {
    BANGER_ASSIGN_OR_RETURN(const UserSettings settings, ReadUserSettings(context.client.stop()));
    return ForEachVm(context, vms_, "start", [&, &client = context.client](const std::string& vm) {
      vm::v1::StartVmRequest request;
      request.set_name(VmName(vm));
      // Several live lines would overwrite each other.
      ProgressView view(absl::StrCat("start vm '", vm, "'"), vms_.size() == 1);
      BANGER_RETURN_IF_ERROR(client.Stream(&vm::v1::VmService::Stub::StartVm, request, kLong,
                                           [&view](const vm::v1::StartVmResponse& response) {
                                             if (response.has_progress()) view.Show(response.progress());
                                             return absl::OkStatus();
                                           }));
      SendUserSettings(client, IdOf(VmName(vm)), settings);
      return absl::OkStatus();
    });
  }

 private:
  std::vector<std::string> vms_;
};

}  // namespace

std::unique_ptr<Command> VmStart() { return std::make_unique<VmStartCommand>(); }

}  // namespace banger::cli
