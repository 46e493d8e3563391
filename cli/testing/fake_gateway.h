// A gateway for tests: the users' services in this process, on a Unix socket,
// with answers that tests choose. Thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "cli/testing/fake_state.h"

namespace banger::cli {

class FakeGateway {
 public:
  explicit FakeGateway(const std::filesystem::path& socket);
  ~FakeGateway();

  FakeState state;

 private:
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace banger::cli
