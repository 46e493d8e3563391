#include "services/gateway/forwarder.h"

#include "services/gateway/errors.h"
#include "services/gateway/forwarded_call.h"

namespace banger::gateway {

grpc::ServerGenericBidiReactor* Forwarder::CreateReactor(grpc::GenericCallbackServerContext* context) {
  const std::optional<Route> route = routes_.Find(context->method());
  if (!route.has_value()) return new RefusedCall(*context, UnknownService(context->method()));
  return new ForwardedCall(context, *backends_.at(route->daemon), route->is_read);
}

}  // namespace banger::gateway
