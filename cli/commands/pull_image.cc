#include "cli/commands/pull_image.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/progress.h"
#include "cli/registry/logins.h"
#include "common/oci/reference.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

// Those of the one registry. What is no reference is for the daemon to refuse.
absl::StatusOr<oci::Credentials> LoginFor(const PullSpec& spec, const std::stop_token& stop) {
  const absl::StatusOr<oci::Reference> reference = oci::ParseReference(spec.reference);
  if (!reference.ok()) return oci::Credentials();
  return FindLogin(reference->registry, spec.auth_file, stop);
}

absl::Status WhatRemains(const absl::Status& status) {
  if (!absl::IsCancelled(status)) return status;
  return absl::CancelledError(
      absl::StrCat(status.message(), "; no image was made, and what has arrived is kept for the next pull"));
}

absl::StatusOr<image::v1::PullImageRequest> RequestFor(const PullSpec& spec, const std::stop_token& stop) {
  image::v1::PullImageRequest request;
  request.set_reference(spec.reference);
  if (!spec.name.empty()) request.set_name(ImageName(spec.name));
  if (!spec.kernel.empty()) request.set_kernel(KernelName(spec.kernel));
  request.set_size_bytes(spec.size_bytes.value_or(0));
  request.set_platform(spec.platform);
  request.set_insecure(spec.insecure);
  BANGER_ASSIGN_OR_RETURN(const oci::Credentials login, LoginFor(spec, stop));
  if (!login.empty()) {
    request.mutable_credentials()->set_username(login.username);
    request.mutable_credentials()->set_password(login.password);
    request.mutable_credentials()->set_identity_token(login.identity_token);
  }
  return request;
}

}  // namespace

absl::StatusOr<image::v1::Image> PullImage(Client& client, const PullSpec& spec) {
  const std::string what = absl::StrCat("pull image '", spec.reference, "'");
  const absl::StatusOr<image::v1::PullImageRequest> request = RequestFor(spec, client.stop());
  if (!request.ok()) return Annotate(request.status(), what);
  image::v1::Image image;
  ProgressView view(what);
  const absl::Status status = client.Stream(&image::v1::ImageService::Stub::PullImage, *request, kLong,
                                            [&view, &image](const image::v1::PullImageResponse& response) {
                                              if (response.has_progress()) view.Show(response.progress());
                                              if (response.has_image()) image = response.image();
                                              return absl::OkStatus();
                                            });
  view.Clear();
  if (!status.ok()) return Annotate(WhatRemains(status), what);
  return image;
}

}  // namespace banger::cli
