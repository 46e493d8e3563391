#include "cli/testing/fake_gateway.h"

#include <grpc/grpc.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>

#include "cli/testing/fake_services.h"

namespace banger::cli {

FakeGateway::FakeGateway(const std::filesystem::path& socket) {
  // Held for ever: the last user of gRPC may wait 10 s for a poller in its background.
  static const bool kept = (::grpc_init(), true);
  static_cast<void>(kept);
  services_.push_back(MakeFakeKernels(state));
  services_.push_back(MakeFakeImages(state));
  services_.push_back(MakeFakeVms(state));
  services_.push_back(MakeFakeSystem(state));
  // A real gateway asks for it.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket.string(), grpc::InsecureServerCredentials());
  for (const auto& service : services_) builder.RegisterService(service.get());
  server_ = builder.BuildAndStart();
}

FakeGateway::~FakeGateway() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

}  // namespace banger::cli
