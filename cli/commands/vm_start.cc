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

using vm::v1::VmService;

// So that a VM that ran already can be told from one that was started.
absl::StatusOr<google::protobuf::Timestamp> StartTime(Client& client, const std::string& vm) {
  vm::v1::GetVmRequest request;
  request.set_name(VmName(vm));
  BANGER_ASSIGN_OR_RETURN(const vm::v1::GetVmResponse response,
                          client.Unary(&VmService::Stub::GetVm, request));
  return response.vm().start_time();
}

absl::StatusOr<google::protobuf::Timestamp> Start(Client& client, const std::string& vm, ProgressView& view) {
  vm::v1::StartVmRequest request;
  request.set_name(VmName(vm));
  google::protobuf::Timestamp start_time;
  BANGER_RETURN_IF_ERROR(client.Stream(&VmService::Stub::StartVm, request, kLong,
                                       [&view, &start_time](const vm::v1::StartVmResponse& response) {
                                         if (response.has_progress()) view.Show(response.progress());
                                         if (response.has_vm()) start_time = response.vm().start_time();
                                         return absl::OkStatus();
                                       }));
  return start_time;
}

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
      // Several live lines would overwrite each other.
      ProgressView view(absl::StrCat("start vm '", vm, "'"), vms_.size() == 1);
      if (settings.empty()) return Start(client, vm, view).status();
      BANGER_ASSIGN_OR_RETURN(const auto before, StartTime(client, vm));
      BANGER_ASSIGN_OR_RETURN(const auto now, Start(client, vm, view));
      // In one that ran the files are its user's.
      if (before.seconds() != now.seconds() || before.nanos() != now.nanos())
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
