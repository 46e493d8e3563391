#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/guest_command.h"
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
                 "login shell. What the image says of Env, WorkingDir and User holds where no flag says\n"
                 "otherwise; its Entrypoint and Cmd run with --entrypoint only. As with docker, stdin is\n"
                 "forwarded only with -i; else the command reads end-of-file. The exit code is the\n"
                 "command's own: 128 + N when signal N ended it, 127 when it was not found, 126 when it\n"
                 "could not be executed. SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on; the third\n"
                 "SIGINT, or five seconds after a SIGTERM or SIGHUP, leaves without waiting for it (exit\n"
                 "code 130).",
             .examples = {
                 {"banger vm exec web -- ls -la /root", "one command"},
                 {"banger vm exec -it web", "a login shell"},
                 {"tar c . | banger vm exec -i web -w /srv -- tar x", "with our stdin"},
                 {"banger vm exec -e A=1 -u nobody web -- sh -c 'echo $A'", "environment and user"},
                 {"banger vm exec --entrypoint web -- --help", "the image's program with our arguments"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("VM", vm_, "name, id, or the beginning of an id").complete = Names::kVms;
    DeclareGuestCommand(flags, command_);
    flags.Rest("CMD...", command_.argv, "the command and its arguments");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string what = absl::StrCat("exec in vm '", vm_, "'");
    absl::StatusOr<exec::v1::Command> command = ToProto(command_);
    if (!command.ok()) return Annotate(command.status(), "vm exec");
    const absl::StatusOr<int> exit_code =
        RunInVm(context.client, context.signals, VmName(vm_), *std::move(command));
    if (!exit_code.ok()) return Annotate(exit_code.status(), what);
    return exit_code;
  }

 private:
  std::string vm_;
  GuestCommand command_;
};

}  // namespace

std::unique_ptr<Command> VmExec() { return std::make_unique<VmExecCommand>(); }

}  // namespace banger::cli
