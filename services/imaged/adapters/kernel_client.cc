#include "services/imaged/adapters/kernel_client.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/log/log.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/status_macros.h"

namespace banger::imaged {
namespace {

constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::chrono::seconds kCallTimeout{10};

}  // namespace

KernelClient::KernelClient(std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)), stub_(kernel::v1::KernelService::NewStub(channel_)) {}

absl::StatusOr<KernelFiles> KernelClient::Find(const std::string& id, const std::stop_token& stop) {
  kernel::v1::GetKernelFilesRequest request;
  if (!id.empty()) request.set_name(absl::StrCat("kernels/", id));
  kernel::v1::GetKernelFilesResponse response;
  const auto ask = [&]() -> absl::Status {
    rpc::ClientCall call(log::CurrentRequestId(), kCallTimeout, stop);
    return rpc::FromGrpc(stub_->GetKernelFiles(call.context(), request, &response));
  };
  BANGER_RETURN_IF_ERROR(rpc::WaitForDaemon(*channel_, "kerneld", kConnectTimeout, stop));
  BANGER_RETURN_IF_ERROR(rpc::RetryUnavailable(stop, ask));
  return KernelFiles{.id = std::string(absl::StripPrefix(response.kernel().name(), "kernels/")),
                     .arch = response.kernel().arch(),
                     .vmlinux = response.vmlinux_path(),
                     .initrd = response.initrd_path()};
}

}  // namespace banger::imaged
