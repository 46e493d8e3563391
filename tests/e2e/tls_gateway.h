// What makes an instance's gateway one for other hosts, by scripts/make-certs.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "common/os/temp_dir.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {

// ca.pem, server.pem and, for each role, a client of that name: admin.pem, admin.key.
class TlsGateway {
 public:
  static absl::StatusOr<TlsGateway> Make();

  // For the instance's configuration.
  std::string config() const;
  std::string File(const std::string& name) const { return (dir_.path() / name).string(); }

  // "127.0.0.1:PORT" once the instance runs.
  static absl::StatusOr<std::string> AddressOf(const Instance& instance);

 private:
  explicit TlsGateway(TempDir dir) : dir_(std::move(dir)) {}

  TempDir dir_;
};

}  // namespace banger::e2e
