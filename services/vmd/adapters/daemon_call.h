// One way to call the other daemons.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "common/log/log.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {

// How long a daemon that is being restarted is waited for, over all attempts of
// one call. What is only given back can wait for the housekeeper instead.
inline constexpr std::chrono::milliseconds kAppears{5000};
inline constexpr std::chrono::milliseconds kAppearsForUndo{1500};

// Calls with the request id of this thread, waits a moment for a daemon that is
// being restarted, and again if it went away in the middle: only for idempotent
// methods, which is what vmd needs of others.
inline absl::Status CallDaemon(const std::string& daemon, grpc::Channel& channel, const std::stop_token& stop,
                               const std::function<grpc::Status(grpc::ClientContext*)>& method,
                               std::chrono::milliseconds appears = kAppears) {
  using std::chrono::steady_clock;
  constexpr std::chrono::seconds kAnswers{60};
  const auto give_up = steady_clock::now() + appears;
  return rpc::RetryUnavailable(stop, [&]() -> absl::Status {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(give_up - steady_clock::now());
    BANGER_RETURN_IF_ERROR(
        rpc::WaitForDaemon(channel, daemon, std::max(left, std::chrono::milliseconds(1)), stop));
    rpc::ClientCall call(log::CurrentRequestId(), kAnswers, stop);
    const absl::Status status = rpc::FromGrpc(method(call.context()));
    if (stop.stop_requested()) return absl::CancelledError("stopped while waiting for " + daemon);
    return status;
  });
}

}  // namespace banger::vmd
