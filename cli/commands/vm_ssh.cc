#include <utility>

#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/exec/replace.h"
#include "cli/names.h"
#include "cli/ssh/key.h"
#include "cli/ssh/options.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using vm::v1::Vm;

// As vmd says it of a command; ssh itself would say less.
absl::Status RequireRunning(Vm::State state, const std::string& vm) {
  const auto refused = [&vm](const char* reason, const char* why) {
    return ApiError(absl::StatusCode::kFailedPrecondition, reason, why, {{"vm", vm}});
  };
  if (state == Vm::STATE_RUNNING) return absl::OkStatus();
  if (state == Vm::STATE_PAUSED) return refused("VM_PAUSED", "it is paused");
  // No reason, for its hint would be to start it.
  if (state == Vm::STATE_STARTING)
    return absl::FailedPreconditionError("it is still starting: try again in a moment");
  return refused("VM_NOT_RUNNING", "it does not run");
}

class VmSshCommand final : public Command {
 public:
  VmSshCommand()
      : Command(
            {.path = "vm ssh",
             .summary = "Log in to a VM with ssh",
             .description =
                 "Works with every image, also one without an sshd or a network: the connection goes\n"
                 "through banger itself. It is this host's own ssh that runs: CMD is what ssh makes of\n"
                 "it (joined by blanks, read by the user's shell), and the exit code is ssh's. The key is\n"
                 "made once; a VM's host key is trusted when it is first seen. For ssh, scp, sftp, rsync\n"
                 "and editors by the name NAME.vm, see 'banger ssh-config'.",
             .examples = {{"banger vm ssh web", "a login shell of root's"},
                          {"banger vm ssh me@web -- uptime", "one command, as another user"},
                          {"banger vm ssh -t web -- top", "one that wants a terminal"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("[USER@]VM", target_, "the VM: name, id, or the beginning of an id").complete =
        Names::kVms;
    flags.Switch("-t,--tty", tty_, "give CMD a terminal");
    flags.Rest("CMD...", command_, "the command, for the user's shell");
  }

  absl::StatusOr<int> Run(Context& context) override {
    const std::size_t at = target_.rfind('@');
    const std::string vm = at == std::string::npos ? target_ : target_.substr(at + 1);
    const std::string user = at == std::string::npos ? "" : target_.substr(0, at);
    if (vm.empty() || at == 0) return UsageError(absl::StrCat("vm ssh: '", target_, "' is not [USER@]VM"));
    const std::string what = absl::StrCat("ssh to vm '", vm, "'");
    const absl::StatusOr<std::string> name = RunningVm(context.client, vm);
    if (!name.ok()) return Annotate(name.status(), what);
    return Annotate(Become(*name + ".vm", user), what);
  }

 private:
  static absl::StatusOr<std::string> RunningVm(Client& client, const std::string& vm) {
    vm::v1::GetVmRequest request;
    request.set_name(VmName(vm));
    BANGER_ASSIGN_OR_RETURN(const vm::v1::GetVmResponse response,
                            client.Unary(&vm::v1::VmService::Stub::GetVm, request));
    const std::string name = IdOf(response.vm().name());
    BANGER_RETURN_IF_ERROR(RequireRunning(response.vm().state(), name));
    return name;
  }

  // Returns only with an error.
  absl::Status Become(const std::string& host, const std::string& user) const {
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path ssh, FindSshProgram("ssh"));
    BANGER_ASSIGN_OR_RETURN(const SshOptions options, MakeSshOptions(host));
    std::vector<std::string> argv = {"ssh"};
    // The first one counts.
    if (!user.empty()) argv.push_back(absl::StrCat("-oUser=", user));
    argv.push_back(absl::StrCat("-oHostKeyAlias=", host));
    for (const auto& [keyword, value] : options) argv.push_back(absl::StrCat("-o", keyword, "=", value));
    if (tty_) argv.emplace_back("-t");
    // A second "--" would be a part of the command.
    argv.insert(argv.end(), {"--", host});
    argv.insert(argv.end(), command_.begin(), command_.end());
    return ReplaceProcess(ssh, argv);
  }

  std::string target_;
  bool tty_ = false;
  std::vector<std::string> command_;
};

}  // namespace

std::unique_ptr<Command> VmSsh() { return std::make_unique<VmSshCommand>(); }

}  // namespace banger::cli
