#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/vm_batch.h"
#include "cli/names.h"

namespace banger::cli {
namespace {

class VmPauseCommand final : public Command {
 public:
  VmPauseCommand()
      : Command({.path = "vm pause",
                 .summary = "Let VMs stand still, with all they have in memory",
                 .examples = {{"banger vm pause web", "its memory stays where it is; it takes no CPU"},
                              {"banger vm resume web", "and on it goes"}}}) {}

  void Declare(Flags& flags) override { DeclareVms(flags, vms_); }

  absl::StatusOr<int> Run(Context& context) override {
    return ForEachVm(context, vms_, "pause", [&client = context.client](const std::string& vm) {
      vm::v1::PauseVmRequest request;
      request.set_name(VmName(vm));
      return client.Unary(&vm::v1::VmService::Stub::PauseVm, request).status();
    });
  }

 private:
  std::vector<std::string> vms_;
};

class VmResumeCommand final : public Command {
 public:
  VmResumeCommand()
      : Command({.path = "vm resume",
                 .summary = "Let paused VMs go on, with their clocks set",
                 .examples = {{"banger vm resume web db", "both at once"}}}) {}

  void Declare(Flags& flags) override { DeclareVms(flags, vms_); }

  absl::StatusOr<int> Run(Context& context) override {
    return ForEachVm(context, vms_, "resume", [&client = context.client](const std::string& vm) {
      vm::v1::ResumeVmRequest request;
      request.set_name(VmName(vm));
      return client.Unary(&vm::v1::VmService::Stub::ResumeVm, request, std::chrono::minutes(1)).status();
    });
  }

 private:
  std::vector<std::string> vms_;
};

}  // namespace

std::unique_ptr<Command> VmPause() { return std::make_unique<VmPauseCommand>(); }
std::unique_ptr<Command> VmResume() { return std::make_unique<VmResumeCommand>(); }

}  // namespace banger::cli
