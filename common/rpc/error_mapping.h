// The one place where absl::Status meets the wire. An API error (see
// common/status/error.h) travels as grpc::Status with a google.rpc.ErrorInfo in
// its details, and comes back as the same absl::Status on the other side.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::rpc {

// The domain of this program's errors, "kerneld.banger". Set once at start.
void SetErrorDomain(absl::string_view daemon);

// For the edge of a server. A status that is no API error leaves as INTERNAL,
// unless its code speaks for itself (CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE,
// RESOURCE_EXHAUSTED, PERMISSION_DENIED).
grpc::Status ToGrpc(const absl::Status& status, const std::string& request_id);

// True when ToGrpc would hide the status: the caller logs it.
bool IsInternalBug(const absl::Status& status);

// For clients. Metadata includes "request_id"; also "domain", when known.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace banger::rpc
