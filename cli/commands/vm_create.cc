#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/commands/new_vm.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class VmCreateCommand final : public Command {
 public:
  VmCreateCommand()
      : Command({.path = "vm create",
                 .summary = "Make a VM and boot it",
                 .description = "Prints its name. Ctrl-C undoes it.",
                 .examples = {{"banger vm create --name web", "ready when the command returns"},
                              {"banger vm create --image deb --memory 2G --vcpu 2", "with sizes of its own"},
                              {"banger vm create --name later --no-start", "only made"}}}) {}

  void Declare(Flags& flags) override {
    DeclareNewVm(flags, vm_);
    flags.Switch("--no-start", vm_.no_start, "do not boot it");
  }

  absl::StatusOr<int> Run(Context& context) override {
    BANGER_ASSIGN_OR_RETURN(const vm::v1::Vm made, CreateVm(context.client, vm_));
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat(IdOf(made.name()), "\n")));
    return kExitOk;
  }

 private:
  NewVm vm_;
};

}  // namespace

std::unique_ptr<Command> VmCreate() { return std::make_unique<VmCreateCommand>(); }

}  // namespace banger::cli
