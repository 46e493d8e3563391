#pragma once

#include <stop_token>

#include "absl/status/status.h"
#include "banger/guest/v1/guest_service.pb.h"
#include "common/rpc/server_call.h"

namespace banger::agent {

using DialStream = rpc::Stream<guest::v1::DialRequest, guest::v1::DialResponse>;

// One Dial call: carries bytes between the stream and a service of the guest
// until both sides have said all (TCP), or the caller has (UDP).
absl::Status RunDial(const std::stop_token& stop, DialStream& stream);

}  // namespace banger::agent
