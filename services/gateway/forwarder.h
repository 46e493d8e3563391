// Takes every call that no other service of the gateway takes.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <map>
#include <memory>
#include <string>

#include "services/gateway/adapters/backend.h"
#include "services/gateway/core/route_table.h"
#include "services/gateway/operations.h"

namespace banger::gateway {

// By name of the daemon.
using Backends = std::map<std::string, std::unique_ptr<Backend>>;

// One for each grpc::Server: gRPC allows no sharing of generic services. Routes,
// backends and operations outlive it.
class Forwarder final : public grpc::CallbackGenericService {
 public:
  Forwarder(const RouteTable& routes, const Backends& backends, Operations& operations)
      : routes_(routes), backends_(backends), operations_(operations) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;

 private:
  const RouteTable& routes_;
  const Backends& backends_;
  Operations& operations_;
};

}  // namespace banger::gateway
