#include <chrono>
#include <optional>

#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/format_flag.h"
#include "cli/commands/vm_event_lines.h"
#include "cli/commands/vm_event_stream.h"
#include "cli/errors.h"
#include "cli/output/json.h"
#include "cli/output/streams.h"
#include "common/status/error.h"
#include "common/sync/pause.h"

namespace banger::cli {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// How long a daemon may be away.
constexpr auto kPatience = 1min;
constexpr auto kRetry = 500ms;

class VmEventsCommand final : public Command {
 public:
  VmEventsCommand()
      : Command({.path = "vm events",
                 .summary = "Watch VMs change",
                 .description = "First what there is, then each new state, until Ctrl-C. Restarts of the\n"
                                "daemons are waited out. In JSON 'synced' is true once, when all that there\n"
                                "was has been told.",
                 .examples = {{"banger vm events", "a line for each change"},
                              {"banger vm events --format json", "for programs: a message a line"}}}) {}

  void Declare(Flags& flags) override { DeclareFormat(flags, format_); }

  absl::StatusOr<int> Run(Context& context) override {
    const std::stop_token& stop = context.client.stop();
    for (;;) {
      const absl::Status status = Watch(context.client);
      if (stop.stop_requested()) return kExitInterrupted;
      if (!CanGoOn(status)) return Annotate(status, "watch vms");
      PauseFor(kRetry, stop);
    }
  }

 private:
  absl::Status Watch(Client& client) {
    vm::v1::WatchVmsRequest request;
    request.set_resume_token(token_);
    if (token_.empty()) stream_.Restart();
    return client.Stream(
        &vm::v1::VmService::Stub::WatchVms, request, kForever, [this](vm::v1::WatchVmsResponse& response) {
          heard_ = true;
          away_since_.reset();
          if (!response.resume_token().empty()) token_ = response.resume_token();
          if (!stream_.Take(response)) return absl::OkStatus();
          return format_ == "json" ? PrintJsonLine(response) : WriteStdout(lines_.Take(response));
        });
  }

  // Whether to call again, after which there is nothing to see twice or missing.
  bool CanGoOn(const absl::Status& status) {
    if (ErrorReason(status) == "WATCH_EXPIRED" && !token_.empty()) {
      token_.clear();
      return true;
    }
    // Of a call that is not ended by us the client says so, without a reason.
    const bool lost = absl::IsUnavailable(status) || (absl::IsAborted(status) && ErrorReason(status).empty());
    if (!lost || !heard_) return false;
    if (!away_since_.has_value()) away_since_ = steady_clock::now();
    return steady_clock::now() - *away_since_ < kPatience;
  }

  std::string format_ = "table";
  std::string token_;
  VmEventStream stream_;
  VmEventLines lines_;
  bool heard_ = false;
  std::optional<steady_clock::time_point> away_since_;
};

}  // namespace

std::unique_ptr<Command> VmEvents() { return std::make_unique<VmEventsCommand>(); }

}  // namespace banger::cli
