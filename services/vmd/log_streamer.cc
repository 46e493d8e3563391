#include "services/vmd/log_streamer.h"

#include <chrono>
#include <string>
#include <utility>

#include "common/status/status_macros.h"
#include "common/sync/pause.h"
#include "services/vmd/adapters/console_log.h"
#include "services/vmd/convert.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

constexpr std::size_t kChunk = 64 << 10;
constexpr std::chrono::milliseconds kPoll{200};

// False when the caller has left.
absl::StatusOr<bool> SendAll(ConsoleLogReader& log, rpc::Writer<vm::v1::ReadVmLogResponse>& out) {
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(std::string data, log.Read(kChunk));
    if (data.empty()) return true;
    vm::v1::ReadVmLogResponse response;
    response.set_data(std::move(data));
    if (!out.Send(std::move(response))) return false;
  }
}

}  // namespace

absl::Status StreamLog(VmManager& vms, const VmFiles& files, const vm::v1::ReadVmLogRequest& request,
                       const rpc::Call& call, rpc::Writer<vm::v1::ReadVmLogResponse>& out) {
  if (request.tail_lines() < 0) return FieldInvalid("tail_lines", "is negative");
  BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request.name()));
  BANGER_ASSIGN_OR_RETURN(const VmView view, vms.Get(name));
  const std::string uid = view.vm.uid;
  BANGER_ASSIGN_OR_RETURN(ConsoleLogReader log,
                          ConsoleLogReader::Open(files.PathsOf(uid).console_log, request.tail_lines()));
  for (;;) {
    // Asked before reading, so that the last lines are sent.
    const bool goes_on = request.follow() && vms.Get(uid).ok();
    BANGER_ASSIGN_OR_RETURN(const bool caller_listens, SendAll(log, out));
    if (!caller_listens || call.stop.stop_requested()) return absl::CancelledError("the caller has left");
    if (!goes_on) return absl::OkStatus();
    PauseFor(kPoll, call.stop);
  }
}

}  // namespace banger::vmd
