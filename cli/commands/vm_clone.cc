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

class VmCloneCommand final : public Command {
 public:
  VmCloneCommand()
      : Command({.path = "vm clone",
                 .summary = "Make a VM of what another one is",
                 .description =
                     "Prints its name. It runs if the other one does, from the same moment on, with all its\n"
                     "processes, but has a name, addresses, a machine id, ssh host keys and random numbers\n"
                     "of its own. Published ports stay with the other one.",
                 .examples = {{"banger vm clone web", "a twin; its name is made up"},
                              {"banger vm clone web web2 --snapshot base", "of what it was then"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("VM", vm_, "name, id, or the beginning of an id").complete = Names::kVms;
    flags.Argument("NAME", name_, "of the new one: 1 to 63 of a-z 0-9 -").required = false;
    flags.Text("--snapshot", "SNAPSHOT", snapshot_, "of what the VM was then, not of what it is");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("clone vm '", vm_, "'");
    vm::v1::CloneVmRequest request;
    request.set_name(snapshot_.empty() ? VmName(vm_) : SnapshotName(vm_, snapshot_));
    request.set_vm_id(name_);
    vm::v1::Vm made;
    ProgressView view(what);
    const absl::Status done = context.client.Stream(&vm::v1::VmService::Stub::CloneVm, request, kLong,
                                                    [&](const vm::v1::CloneVmResponse& response) {
                                                      if (response.has_progress())
                                                        view.Show(response.progress());
                                                      if (response.has_vm()) made = response.vm();
                                                      return absl::OkStatus();
                                                    });
    view.Clear();
    if (!done.ok()) return Annotate(done, what);
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(made.name()), "\n")));
    return kExitOk;
  }

 private:
  std::string vm_;
  std::string name_;
  std::string snapshot_;
};

}  // namespace

std::unique_ptr<Command> VmClone() { return std::make_unique<VmCloneCommand>(); }

}  // namespace banger::cli
