#pragma once

#include <stop_token>

#include "absl/status/status.h"
#include "banger/guest/v1/guest_service.pb.h"
#include "common/rpc/server_call.h"
#include "services/agent/core/exec_defaults.h"

namespace banger::agent {

using ExecStream = rpc::Stream<guest::v1::ExecRequest, guest::v1::ExecResponse>;

// One Exec call, from the command to its end; `image` fills in what the caller
// leaves open.
absl::Status RunExec(const std::stop_token& stop, const ExecDefaults& image, ExecStream& stream);

}  // namespace banger::agent
