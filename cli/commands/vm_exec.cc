#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/guest_command.h"
#include "cli/commands/prepare_workspace.h"
#include "cli/errors.h"
#include "cli/exec/session.h"
#include "cli/names.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

class VmExecCommand final : public Command {
 public:
  VmExecCommand()
      : Command(
            {.path = "vm exec",
             .summary = "Run a command in a VM that runs",
             .description =
                 "What follows '--' goes to the guest as it is: no shell sees it. Without it: the user's\n"
                 "login shell. When the VM has a workspace (see 'vm workspace') it runs there, as root,\n"
                 "unless -w or -u says otherwise. What the image says of Env, WorkingDir and User holds\n"
                 "where nothing else does; its Entrypoint and Cmd run with --entrypoint only. As with\n"
                 "docker, stdin is forwarded only with -i; else the command reads end-of-file. The exit\n"
                 "code is the command's own: 128 + N when signal N ended it, 127 when it was not found,\n"
                 "126 when it could not be executed. SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on;\n"
                 "the third SIGINT, or five seconds after a SIGTERM or SIGHUP, leaves without waiting for\n"
                 "it (exit code 130).",
             .examples = {
                 {"banger vm exec web -- ls -la /root", "one command"},
                 {"banger vm exec -it web", "a login shell"},
                 {"banger vm exec --auto-prepare web -- make test", "of the repository that we are in"},
                 {"tar c . | banger vm exec -i web -w /srv -- tar x", "with our stdin"},
                 {"banger vm exec -e A=1 -u nobody web -- sh -c 'echo $A'", "environment and user"},
                 {"banger vm exec --entrypoint web -- --help", "the image's program with our arguments"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("VM", vm_, "name, id, or the beginning of an id").complete = Names::kVms;
    DeclareGuestCommand(flags, command_);
    flags.Switch("--auto-prepare", auto_prepare_,
                 "first take the git repository that we are in along, when the VM has no workspace");
    flags.Rest("CMD...", command_.argv, "the command and its arguments");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("exec in vm '", vm_, "'");
    absl::StatusOr<exec::v1::Command> command = ToProto(command_);
    if (!command.ok()) return Annotate(command.status(), "vm exec");
    if (auto_prepare_) BANGER_RETURN_IF_ERROR(PrepareUnlessThere(context));
    const absl::StatusOr<int> exit_code =
        RunInVm(context.client, context.signals, VmName(vm_), *std::move(command));
    if (!exit_code.ok()) return Annotate(exit_code.status(), what);
    return exit_code;
  }

 private:
  absl::Status PrepareUnlessThere(Context& context) const {
    vm::v1::GetVmRequest request;
    request.set_name(VmName(vm_));
    const auto response = context.client.Unary(&vm::v1::VmService::Stub::GetVm, request);
    if (!response.ok()) return Annotate(response.status(), absl::StrCat("exec in vm '", vm_, "'"));
    return response->vm().workspace().empty() ? PrepareWorkspace(context, vm_, ".", {}) : absl::OkStatus();
  }

  std::string vm_;
  GuestCommand command_;
  bool auto_prepare_ = false;
};

}  // namespace

std::unique_ptr<Command> VmExec() { return std::make_unique<VmExecCommand>(); }

}  // namespace banger::cli
