#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "cli/remote/contexts.h"

namespace banger::cli {

// A channel to a gateway on another host, connected. A certificate that is no good is
// told at once; a gateway that is not there is waited for until `patience` is over, and
// as long again at most to see why. With less than a second of it nobody asks why.
// Errors: FAILED_PRECONDITION (CERTIFICATE_UNUSABLE), UNAUTHENTICATED
// (CERTIFICATE_REFUSED, GATEWAY_NOT_TRUSTED), UNAVAILABLE (GATEWAY_UNREACHABLE),
// CANCELLED.
absl::StatusOr<std::shared_ptr<grpc::Channel>> ConnectRemote(const RemoteContext& context,
                                                             std::chrono::milliseconds patience,
                                                             const std::stop_token& stop);

}  // namespace banger::cli
