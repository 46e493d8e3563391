#include <array>
#include <csignal>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/vm_batch.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

struct NamedSignal {
  const char* name;
  int number;
};

constexpr std::array<NamedSignal, 5> kSignals{
    {{"KILL", SIGKILL}, {"TERM", SIGTERM}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"HUP", SIGHUP}}};

// "TERM", "sigterm", "15".
absl::StatusOr<int> ParseSignal(const std::string& text) {
  std::string name = absl::AsciiStrToUpper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const NamedSignal& signal : kSignals)
    if (name == signal.name || name == absl::StrCat(signal.number)) return signal.number;
  return UsageError(absl::StrCat("vm kill: --signal: '", text, "' is not one of KILL, TERM, INT, QUIT, HUP"));
}

class VmKillCommand final : public Command {
 public:
  VmKillCommand()
      : Command({.path = "vm kill",
                 .summary = "Signal the processes that run VMs",
                 .description = "What the guest had not yet written to its disks is lost; see 'vm stop'.",
                 .examples = {{"banger vm kill web", "SIGKILL"},
                              {"banger vm kill --signal TERM web", "ask the VMM to end"}}}) {}

  void Declare(Flags& flags) override {
    DeclareVms(flags, vms_);
    flags.Text("--signal", "SIGNAL", signal_, "KILL (default), TERM, INT, QUIT or HUP");
  }

  absl::StatusOr<int> Run(Context& context) override {
    BANGER_ASSIGN_OR_RETURN(const int signal, ParseSignal(signal_));
    return ForEachVm(context, vms_, "kill", [signal, &client = context.client](const std::string& vm) {
      vm::v1::KillVmRequest request;
      request.set_name(VmName(vm));
      request.set_signal(signal);
      return client.Unary(&vm::v1::VmService::Stub::KillVm, request).status();
    });
  }

 private:
  std::vector<std::string> vms_;
  std::string signal_ = "KILL";
};

}  // namespace

std::unique_ptr<Command> VmKill() { return std::make_unique<VmKillCommand>(); }

}  // namespace banger::cli
