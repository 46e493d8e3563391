#include <map>

#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_all.h"
#include "cli/commands/vm_batch.h"
#include "cli/commands/vm_table.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/ssh/pins.h"
#include "cli/typed.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class VmPruneCommand final : public Command {
 public:
  VmPruneCommand()
      : Command({.path = "vm prune",
                 .summary = "Delete every VM that is not running",
                 .description = "Shows them and asks. One that is started meanwhile stays.",
                 .examples = {{"banger vm prune", "see what would go, then decide"},
                              {"banger vm prune -f", "without a question"}}}) {}

  void Declare(Flags& flags) override { flags.Switch("-f,--force", force_, "do not ask"); }

  absl::StatusOr<int> Run(Context& context) override {
    auto vms = ListAll(context.client, &vm::v1::VmService::Stub::ListVms);
    if (!vms.ok()) return Annotate(vms.status(), "list vms");
    vm::v1::ListVmsResponse doomed;
    for (vm::v1::Vm& vm : *vms->mutable_vms())
      if (!IsUp(vm) && vm.pid() == 0) doomed.add_vms()->Swap(&vm);
    if (doomed.vms_size() == 0) {
      Note("there is no vm that does not run: nothing to delete");
      return kExitOk;
    }
    if (!force_) {
      BANGER_ASSIGN_OR_RETURN(const bool yes, Ask(doomed, context.client.stop()));
      if (!yes) {
        Note("nothing was deleted");
        return kExitFailed;
      }
    }
    return Delete(context, doomed);
  }

 private:
  static absl::StatusOr<bool> Ask(const vm::v1::ListVmsResponse& doomed, const std::stop_token& stop) {
    BANGER_RETURN_IF_ERROR(WriteStderr(VmTable(doomed, std::chrono::system_clock::now())));
    const int count = doomed.vms_size();
    absl::StatusOr<bool> yes =
        Confirm(count == 1 ? "delete this VM?" : absl::StrCat("delete these ", count, " VMs?"), stop);
    if (absl::IsFailedPrecondition(yes.status()))
      return UsageError(absl::StrCat("vm prune: ", yes.status().message(), "; say -f to delete them"));
    return yes;
  }

  static absl::StatusOr<int> Delete(Context& context, const vm::v1::ListVmsResponse& doomed) {
    std::vector<std::string> names;
    // A uid is never used twice: another VM of that name is not meant.
    std::map<std::string, std::string> uids;
    for (const vm::v1::Vm& vm : doomed.vms()) {
      names.push_back(IdOf(vm.name()));
      uids[names.back()] = vm.uid();
    }
    return ForEachVm(context, names, "delete", [&uids, &client = context.client](const std::string& vm) {
      vm::v1::DeleteVmRequest request;
      request.set_name(VmName(uids.at(vm)));
      const absl::Status deleted =
          client.Unary(&vm::v1::VmService::Stub::DeleteVm, request, std::chrono::minutes(2)).status();
      // Somebody else may have been quicker.
      if (!deleted.ok() && !absl::IsNotFound(deleted)) return deleted;
      ForgetPin(vm);
      return absl::OkStatus();
    });
  }

  bool force_ = false;
};

}  // namespace

std::unique_ptr<Command> VmPrune() { return std::make_unique<VmPruneCommand>(); }

}  // namespace banger::cli
