#include "banger/system/v1/system_service.grpc.pb.h"
#include "cli/testing/fake_services.h"

namespace banger::cli {
namespace {

using grpc::ServerContext;
using grpc::Status;

class FakeSystem final : public system::v1::SystemService::Service {
 public:
  explicit FakeSystem(FakeState& state) : state_(state) {}
  Status ListDaemons(ServerContext* context, const system::v1::ListDaemonsRequest*,
                     system::v1::ListDaemonsResponse* response) override {
    RETURN_UNLESS_ENTERED("ListDaemons");
    *response = state_.daemons;
    return Status::OK;
  }
  Status GetNetwork(ServerContext* context, const system::v1::GetNetworkRequest*,
                    system::v1::GetNetworkResponse* response) override {
    RETURN_UNLESS_ENTERED("GetNetwork");
    *response = state_.network;
    return Status::OK;
  }

  Status ListOperations(ServerContext* context, const system::v1::ListOperationsRequest*,
                        system::v1::ListOperationsResponse* response) override {
    RETURN_UNLESS_ENTERED("ListOperations");
    *response = state_.operations;
    return Status::OK;
  }

 private:
  FakeState& state_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeSystem(FakeState& state) {
  return std::make_unique<FakeSystem>(state);
}

}  // namespace banger::cli
