#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/vm_batch.h"
#include "cli/names.h"
#include "cli/output/time.h"

namespace banger::cli {
namespace {

class VmStopCommand final : public Command {
 public:
  VmStopCommand()
      : Command({.path = "vm stop",
                 .summary = "Power VMs off; their disks stay",
                 .description = "Asks the guest to sync and power off, then kills it at the timeout.\n"
                                "One that is stopped already is left as it is.",
                 .examples = {{"banger vm stop web", "wait as long as 30 seconds"},
                              {"banger vm stop --timeout 2m db", "give it more time"},
                              {"banger vm stop --timeout 0 web db", "kill both at once"}}}) {}

  void Declare(Flags& flags) override {
    DeclareVms(flags, vms_);
    flags.Duration("--timeout", timeout_, "how long the guest may take before it is killed; default 30");
  }

  absl::StatusOr<int> Run(Context& context) override {
    return ForEachVm(context, vms_, "stop", [this, &client = context.client](const std::string& vm) {
      vm::v1::StopVmRequest request;
      request.set_name(VmName(vm));
      if (timeout_.has_value()) *request.mutable_timeout() = ToProto(*timeout_);
      // Beyond the guest's time, some for the daemon's own work.
      const auto deadline =
          absl::ToChronoMilliseconds(timeout_.value_or(absl::Seconds(30)) + absl::Minutes(2));
      return client.Unary(&vm::v1::VmService::Stub::StopVm, request, deadline).status();
    });
  }

 private:
  std::vector<std::string> vms_;
  std::optional<absl::Duration> timeout_;
};

}  // namespace

std::unique_ptr<Command> VmStop() { return std::make_unique<VmStopCommand>(); }

}  // namespace banger::cli
