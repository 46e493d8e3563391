#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/progress.h"
#include "cli/output/streams.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class VmRestoreCommand final : public Command {
 public:
  VmRestoreCommand()
      : Command(
            {.path = "vm restore",
             .summary = "Make a VM again what it was at a snapshot",
             .description =
                 "What it is now is lost. It goes on if the snapshot has its memory, with the time set,\n"
                 "else it is stopped. A snapshot that is damaged, or of another VMM, kernel or machine,\n"
                 "is refused, and the VM stays as it is.",
             .examples = {{"banger vm restore web base", "as 'banger vm snapshot create web base' left it"},
                          {"banger vm snapshot list web", "what there is"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("VM", vm_, "name, id, or the beginning of an id").complete = Names::kVms;
    flags.Argument("SNAPSHOT", snapshot_, "its name");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("restore vm '", vm_, "'");
    vm::v1::RestoreVmRequest request;
    request.set_name(SnapshotName(vm_, snapshot_));
    vm::v1::Vm restored;
    ProgressView view(what);
    const absl::Status done = context.client.Stream(&vm::v1::VmService::Stub::RestoreVm, request, kLong,
                                                    [&](const vm::v1::RestoreVmResponse& response) {
                                                      if (response.has_progress())
                                                        view.Show(response.progress());
                                                      if (response.has_vm()) restored = response.vm();
                                                      return absl::OkStatus();
                                                    });
    view.Clear();
    if (!done.ok()) return Annotate(done, what);
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(restored.name()), "\n")));
    return kExitOk;
  }

 private:
  std::string vm_;
  std::string snapshot_;
};

}  // namespace

std::unique_ptr<Command> VmRestore() { return std::make_unique<VmRestoreCommand>(); }

}  // namespace banger::cli
