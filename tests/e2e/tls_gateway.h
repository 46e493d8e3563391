// What makes an instance's gateway one for other hosts, by scripts/make-certs.
#pragma once

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/os/temp_dir.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {

// ca.pem, server.pem and, for each role, a client of that name: admin.pem, admin.key.
class TlsGateway {
 public:
  static absl::StatusOr<TlsGateway> Make();

  // For the instance's configuration. Port 0 is another one after each restart.
  std::string config(const std::string& listen = "127.0.0.1:0") const;
  std::string File(const std::string& name) const { return (dir_.path() / name).string(); }

  // "127.0.0.1:PORT" once the instance runs.
  static absl::StatusOr<std::string> AddressOf(const Instance& instance);

  // With a connection of its own, as the client of that role; connects at the first call.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& address,
                                                         const std::string& role) const;

 private:
  explicit TlsGateway(TempDir dir) : dir_(std::move(dir)) {}

  TempDir dir_;
};

}  // namespace banger::e2e
