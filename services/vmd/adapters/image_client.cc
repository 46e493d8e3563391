#include "services/vmd/adapters/image_client.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "common/log/log.h"
#include "services/vmd/adapters/daemon_call.h"

namespace banger::vmd {
namespace v1 = banger::image::v1;
namespace {

using v1::ImageService;

std::string LeaseOf(const std::string& uid) { return absl::StrCat("vms/", uid); }

}  // namespace

absl::StatusOr<ImageFiles> GrpcImageClient::Acquire(const std::string& image, const std::string& uid,
                                                    const std::stop_token& stop) {
  v1::AcquireImageRequest request;
  request.set_name(absl::StrCat("images/", image));
  request.set_lease(LeaseOf(uid));
  v1::AcquireImageResponse response;
  BANGER_RETURN_IF_ERROR(CallDaemon("imaged", *channel_, stop, [&](grpc::ClientContext* context) {
    return ImageService::NewStub(channel_)->AcquireImage(context, request, &response);
  }));
  const v1::ImageConfig& config = response.image().config();
  return ImageFiles{.rootfs = response.rootfs_path(),
                    .vmlinux = response.vmlinux_path(),
                    .initrd = response.initrd_path(),
                    .exec = {.env = {config.env().begin(), config.env().end()},
                             .user = config.user(),
                             .working_dir = config.working_dir(),
                             .entrypoint = {config.entrypoint().begin(), config.entrypoint().end()},
                             .cmd = {config.cmd().begin(), config.cmd().end()}}};
}

absl::Status GrpcImageClient::Release(const std::string& image, const std::string& uid) {
  v1::ReleaseImageRequest request;
  request.set_name(absl::StrCat("images/", image));
  request.set_lease(LeaseOf(uid));
  v1::ReleaseImageResponse response;
  return CallDaemon("imaged", *channel_, {}, [&](grpc::ClientContext* context) {
    return ImageService::NewStub(channel_)->ReleaseImage(context, request, &response);
  });
}

absl::StatusOr<std::vector<ImageClient::Lease>> GrpcImageClient::ListLeases() {
  v1::ListImageLeasesResponse response;
  BANGER_RETURN_IF_ERROR(CallDaemon("imaged", *channel_, {}, [&](grpc::ClientContext* context) {
    return ImageService::NewStub(channel_)->ListImageLeases(context, {}, &response);
  }));
  std::vector<Lease> leases;
  for (const v1::ImageLease& lease : response.leases()) {
    absl::string_view uid = lease.lease();
    absl::string_view image = lease.image();
    if (absl::ConsumePrefix(&uid, "vms/") && absl::ConsumePrefix(&image, "images/"))
      leases.push_back({std::string(image), std::string(uid)});
  }
  return leases;
}

}  // namespace banger::vmd
