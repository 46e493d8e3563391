#pragma once

#include <string>
#include <utility>

#include "banger/progress/v1/progress.pb.h"
#include "common/rpc/server_call.h"
#include "common/sync/progress.h"

namespace banger::rpc {

// Progress as events of a stream, ten times a second and at each new stage; never
// waits for a slow reader. For one thread at a time; must not outlive `out`.
template <typename Message>
ProgressFn ReportTo(Writer<Message>& out) {
  return [&out, throttle = ProgressThrottle<Message>(out),
          stage = std::string()](const Progress& progress) mutable {
    Message message;
    progress::v1::Progress& proto = *message.mutable_progress();
    proto.set_stage(progress.stage);
    proto.set_done_bytes(progress.done_bytes);
    proto.set_total_bytes(progress.total_bytes);
    proto.set_detail(progress.detail);
    if (std::exchange(stage, progress.stage) != progress.stage) {
      out.TrySend(std::move(message));
    } else {
      throttle.Report(std::move(message));
    }
  };
}

}  // namespace banger::rpc
