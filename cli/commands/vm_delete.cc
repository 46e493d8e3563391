#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/vm_batch.h"
#include "cli/names.h"
#include "cli/ssh/pins.h"

namespace banger::cli {
namespace {

class VmDeleteCommand final : public Command {
 public:
  VmDeleteCommand()
      : Command({.path = "vm delete",
                 .summary = "Delete VMs with all they have",
                 .description = "Its snapshots go as well. A VM that runs is refused unless forced.",
                 .examples = {{"banger vm delete web", "a stopped one"},
                              {"banger vm delete --force web db", "whatever state they are in"}}}) {}

  void Declare(Flags& flags) override {
    DeclareVms(flags, vms_);
    flags.Switch("-f,--force", force_, "also when it runs");
  }

  absl::StatusOr<int> Run(Context& context) override {
    return ForEachVm(context, vms_, "delete", [this, &client = context.client](const std::string& vm) {
      const std::string pinned = PinnedName(client, vm);
      vm::v1::DeleteVmRequest request;
      request.set_name(VmName(vm));
      request.set_force(force_);
      const absl::Status deleted =
          client.Unary(&vm::v1::VmService::Stub::DeleteVm, request, std::chrono::minutes(2)).status();
      if (deleted.ok() && !pinned.empty()) ForgetPin(pinned);
      return deleted;
    });
  }

 private:
  // What ssh may know it by; the user may have given its id. Empty: ssh knows nobody.
  static std::string PinnedName(Client& client, const std::string& vm) {
    if (!HasPins()) return "";
    vm::v1::GetVmRequest request;
    request.set_name(VmName(vm));
    const auto response = client.Unary(&vm::v1::VmService::Stub::GetVm, request);
    return response.ok() ? IdOf(response->vm().name()) : "";
  }

  std::vector<std::string> vms_;
  bool force_ = false;
};

}  // namespace

std::unique_ptr<Command> VmDelete() { return std::make_unique<VmDeleteCommand>(); }

}  // namespace banger::cli
