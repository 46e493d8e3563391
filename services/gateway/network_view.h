#pragma once

#include "absl/status/statusor.h"
#include "banger/system/v1/system_service.pb.h"
#include "common/rpc/call.h"
#include "services/gateway/adapters/backend.h"

namespace banger::gateway {

// What netd tells of the network, with the names and the published ports that vmd
// has for its endpoints; without these, and with a warning, when vmd does not
// answer. DAEMON_UNAVAILABLE when netd does not.
absl::StatusOr<system::v1::GetNetworkResponse> DescribeNetwork(const rpc::Call& call, const Backend& netd,
                                                               const Backend& vmd);

}  // namespace banger::gateway
