#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// Asks kerneld. Waits a moment for one that is being restarted.
class KernelClient final : public KernelSource {
 public:
  explicit KernelClient(std::shared_ptr<grpc::Channel> channel);
  absl::StatusOr<KernelFiles> Find(const std::string& id, const std::stop_token& stop) override;

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<kernel::v1::KernelService::Stub> stub_;
};

}  // namespace banger::imaged
