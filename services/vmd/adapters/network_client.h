#pragma once

#include <grpcpp/channel.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/os/unique_fd.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// netd, asked again for a moment while it is being restarted.
class GrpcNetworkClient final : public NetworkClient {
 public:
  // `socket` is netd's; `tap_socket` hands out the taps' descriptors.
  GrpcNetworkClient(std::filesystem::path socket, std::filesystem::path tap_socket);

  bool Present() override;
  absl::StatusOr<Endpoint> CreateEndpoint(const std::string& uid, const std::string& hostname,
                                          const std::stop_token& stop) override;
  absl::Status SetPolicy(const std::string& uid, const NetworkPolicy& policy,
                         const std::stop_token& stop) override;
  absl::Status AttachTap(const std::string& uid, const std::stop_token& stop) override;
  absl::Status DetachTap(const std::string& uid) override;
  absl::Status DeleteEndpoint(const std::string& uid) override;
  absl::StatusOr<std::vector<Known>> ListEndpoints() override;

  // The interface of the VM's tap, attached if it is not yet.
  absl::StatusOr<std::string> TapOf(const std::string& uid, const std::stop_token& stop);
  // The descriptor of an attached tap.
  absl::StatusOr<UniqueFd> OpenTap(const std::string& uid);

 private:
  const std::filesystem::path socket_;
  const std::filesystem::path tap_socket_;
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace banger::vmd
