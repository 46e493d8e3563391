// The calls that the gateway answers itself: for those whom the policy allows them, and
// with a line in the audit log, as those that it forwards.
#pragma once

#include <grpcpp/server_context.h>

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/rpc/server_call.h"
#include "common/sync/worker_pool.h"
#include "services/gateway/audit.h"
#include "services/gateway/caller.h"
#include "services/gateway/core/policy.h"

namespace banger::gateway {

// Says no to the call at `path`; takes no worker.
grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context, const Caller& caller,
                                 const std::string& path, const absl::Status& why);

// `path` has a policy. Answer: absl::StatusOr<Response>(const Caller&, const rpc::Call&), or
// a Response; on a worker.
template <typename Response, typename Answer>
grpc::ServerUnaryReactor* Guarded(WorkerPool& workers, grpc::CallbackServerContext* context,
                                  const std::string& path, Response* response, Answer answer) {
  const Caller caller = CallerOf(*context);
  if (const absl::Status allowed = RequireRole(caller, FindPolicy(path)->role, path); !allowed.ok())
    return Refuse(context, caller, path, allowed);
  return rpc::Unary(
      workers, context, response,
      [caller, answer = std::move(answer)](const rpc::Call& call) {
        return absl::StatusOr<Response>(answer(caller, call));
      },
      [caller, path](const rpc::Call& call, grpc::StatusCode code) { Audit(caller, call, path, "", code); });
}

}  // namespace banger::gateway
