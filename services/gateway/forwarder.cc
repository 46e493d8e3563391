#include "services/gateway/forwarder.h"

#include <utility>

#include "services/gateway/caller.h"
#include "services/gateway/errors.h"
#include "services/gateway/forwarded_call.h"

namespace banger::gateway {

grpc::ServerGenericBidiReactor* Forwarder::CreateReactor(grpc::GenericCallbackServerContext* context) {
  Caller caller = CallerOf(*context);
  const Route* route = routes_.Find(context->method());
  if (route == nullptr) return new RefusedCall(*context, caller, UnknownService(context->method()));
  if (const absl::Status status = RequireRole(caller, route->policy->role, context->method()); !status.ok())
    return new RefusedCall(*context, caller, status);
  return new ForwardedCall(context, std::move(caller), *route, *backends_.at(route->daemon), operations_);
}

}  // namespace banger::gateway
