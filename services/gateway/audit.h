// The audit log: a line for each call that asked a daemon, or the gateway itself, for
// something: who, in which role, what, of what, with which result, for how long. No
// message is in it, nor any other metadata, and so no secret.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <string>

#include "common/rpc/call.h"
#include "services/gateway/caller.h"

namespace banger::gateway {

void Audit(const Caller& caller, const rpc::Call& call, const std::string& path, const std::string& resource,
           grpc::StatusCode code);

// The field of the method's request that `field` names ("name", "spec.name"), short
// and without what stands before an '@', where a login would. Empty when it is not
// set, and "?" for what is no such request.
std::string ResourceIn(const grpc::ByteBuffer& request, const std::string& path, const std::string& field);

}  // namespace banger::gateway
