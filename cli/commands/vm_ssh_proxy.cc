#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/exec/session.h"
#include "cli/names.h"
#include "cli/ssh/key.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

// ssh's ProxyCommand: our stdin and stdout become a connection to an ssh server that the
// agent starts in the guest.
class VmSshProxyCommand final : public Command {
 public:
  VmSshProxyCommand()
      : Command(
            {.path = "vm ssh-proxy", .summary = "Connect ssh to a VM, as its ProxyCommand", .hidden = true}) {
  }

  void Declare(Flags& flags) override { flags.Argument("HOST", host_, "VM, or NAME.vm"); }

  absl::StatusOr<int> Run(Context& context) override {
    const std::string vm(absl::StripSuffix(host_, ".vm"));
    absl::StatusOr<int> ended = Connect(context, vm);
    if (!ended.ok()) return Annotate(ended.status(), absl::StrCat("ssh to vm '", vm, "'"));
    return ended;
  }

 private:
  static absl::StatusOr<int> Connect(Context& context, const std::string& vm) {
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path key, SshKey());
    BANGER_ASSIGN_OR_RETURN(const std::string public_key, PublicKeyOf(key));
    exec::v1::Command command;
    for (const std::string& argument :
         {std::string("/run/banger/agent"), std::string("--ssh-session"), public_key})
      command.add_argv(argument);
    // By number and in a directory that is always there: whatever the image says.
    command.set_user("0");
    command.set_working_dir("/");
    command.set_stdin(true);
    return RunInVm(context.client, context.signals, VmName(vm), std::move(command));
  }

  std::string host_;
};

}  // namespace

std::unique_ptr<Command> VmSshProxy() { return std::make_unique<VmSshProxyCommand>(); }

}  // namespace banger::cli
