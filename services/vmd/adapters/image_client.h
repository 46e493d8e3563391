#pragma once

#include <grpcpp/channel.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "services/vmd/core/ports.h"

namespace banger::vmd {

// imaged, asked again for a moment while it is being restarted.
class GrpcImageClient final : public ImageClient {
 public:
  explicit GrpcImageClient(std::shared_ptr<grpc::Channel> channel) : channel_(std::move(channel)) {}

  absl::StatusOr<ImageFiles> Acquire(const std::string& image, const std::string& uid,
                                     const std::stop_token& stop) override;
  absl::Status Release(const std::string& image, const std::string& uid) override;
  absl::StatusOr<std::vector<Lease>> ListLeases() override;

 private:
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace banger::vmd
