#pragma once

#include <string>
#include <utility>

#include "common/rpc/server_call.h"
#include "common/sync/progress.h"
#include "services/imaged/convert.h"

namespace banger::imaged {

// Progress as events of a stream, ten times a second and at each new stage; never
// waits for a slow reader. For one thread at a time; must not outlive `out`.
template <typename Message>
ProgressFn ReportTo(rpc::Writer<Message>& out) {
  return [&out, throttle = rpc::ProgressThrottle<Message>(out),
          stage = std::string()](const Progress& progress) mutable {
    Message message;
    *message.mutable_progress() = ToProto(progress);
    if (std::exchange(stage, progress.stage) != progress.stage) {
      out.TrySend(std::move(message));
    } else {
      throttle.Report(std::move(message));
    }
  };
}

}  // namespace banger::imaged
