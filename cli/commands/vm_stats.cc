#include <unistd.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/vm_stats_table.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "common/status/error.h"
#include "common/sync/pause.h"

namespace banger::cli {
namespace {

constexpr std::chrono::seconds kInterval{2};
// Cursor home, then clear what is below.
constexpr char kAgain[] = "\x1b[H\x1b[J";

class VmStatsCommand final : public Command {
 public:
  VmStatsCommand()
      : Command({.path = "vm stats",
                 .summary = "Show what VMs use",
                 .description =
                     "CPU: 100% is one CPU of the host. HOST MEM is what the VM takes of the host's memory,\n"
                     "GUEST MEM what is used inside it. DISK is what its disks take on the host. The rest\n"
                     "since its start. What a guest says stays as it was while it does not answer.",
                 .examples = {{"banger vm stats", "all that run"},
                              {"banger vm stats --watch web", "one of them, until Ctrl-C"}}}) {}

  void Declare(Flags& flags) override {
    Flag& vms = flags.Arguments("VM", vms_, "name, id, or the beginning of an id; none: all that run");
    vms.complete = Names::kVms;
    vms.required = false;
    flags.Switch("-w,--watch", watch_, "again every two seconds");
    DeclareFormat(flags, format_);
  }

  absl::StatusOr<int> Run(Context& context) override {
    vm::v1::GetVmStatsRequest request;
    for (const std::string& vm : vms_) request.add_names(VmName(vm));
    const std::stop_token& stop = context.client.stop();
    do {
      const auto stats = context.client.Unary(&vm::v1::VmService::Stub::GetVmStats, request);
      if (watch_ && stop.stop_requested()) break;
      if (!stats.ok()) return Annotate(stats.status(), "show what vms use");
      BANGER_RETURN_IF_ERROR(Print(*stats));
    } while (watch_ && PauseFor(kInterval, stop));
    return watch_ ? kExitInterrupted : kExitOk;
  }

 private:
  absl::Status Print(const vm::v1::GetVmStatsResponse& stats) const {
    if (format_ == "json") return watch_ ? PrintJsonLine(stats) : PrintJson(stats);
    const bool in_place = watch_ && ::isatty(STDOUT_FILENO) == 1;
    return WriteStdout(absl::StrCat(in_place ? kAgain : "", VmStatsTable(stats)));
  }

  std::vector<std::string> vms_;
  bool watch_ = false;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> VmStats() { return std::make_unique<VmStatsCommand>(); }

}  // namespace banger::cli
