#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

class VmLogsCommand final : public Command {
 public:
  VmLogsCommand()
      : Command({.path = "vm logs",
                 .summary = "Print a VM's serial console",
                 .description = "What its kernel and its init said, also after it stopped.",
                 .examples = {{"banger vm logs web", "all that is kept"},
                              {"banger vm logs -f --tail 20 web", "the last lines, and what follows"}}}) {}

  void Declare(Flags& flags) override {
    flags.Argument("VM", vm_, "name, id, or the beginning of an id").complete = Names::kVms;
    flags.Switch("-f,--follow", follow_, "go on, over stops and starts, until the VM is deleted or Ctrl-C");
    flags.Number("--tail", tail_, 1, "only the last N lines; default all");
  }

  absl::StatusOr<int> Run(Context& context) override {
    vm::v1::ReadVmLogRequest request;
    request.set_name(VmName(vm_));
    request.set_tail_lines(tail_.value_or(0));
    request.set_follow(follow_);
    const absl::Status status = context.client.Stream(
        &vm::v1::VmService::Stub::ReadVmLog, request, follow_ ? kForever : kLong,
        [](const vm::v1::ReadVmLogResponse& response) { return WriteStdout(response.data()); });
    // The usual way to leave a log that is being followed.
    if (follow_ && context.client.stop().stop_requested()) return kExitInterrupted;
    if (!status.ok()) return Annotate(status, absl::StrCat("read the log of vm '", vm_, "'"));
    return kExitOk;
  }

 private:
  std::string vm_;
  bool follow_ = false;
  std::optional<std::int32_t> tail_;
};

}  // namespace

std::unique_ptr<Command> VmLogs() { return std::make_unique<VmLogsCommand>(); }

}  // namespace banger::cli
