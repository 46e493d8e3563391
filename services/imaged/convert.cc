#include "services/imaged/convert.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/archive/archive_path.h"
#include "common/oci/reference.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace v1 = ::banger::image::v1;
namespace {

constexpr std::int32_t kDefaultPageSize = 50;
constexpr std::int32_t kMaxPageSize = 1000;
constexpr std::size_t kMaxSourceBytes = 255;

v1::ImageConfig ToProto(const ImageConfig& config) {
  v1::ImageConfig proto;
  for (const std::string& text : config.env) proto.add_env(text);
  proto.set_working_dir(config.working_dir);
  proto.set_user(config.user);
  for (const std::string& text : config.entrypoint) proto.add_entrypoint(text);
  for (const std::string& text : config.cmd) proto.add_cmd(text);
  return proto;
}

// "kernels/x" is "x", nothing is nothing.
absl::StatusOr<std::string> KernelIdOf(const std::string& name) {
  absl::string_view id = name;
  if (!id.empty() && (!absl::ConsumePrefix(&id, "kernels/") || id.empty()))
    return RequestInvalid("kernel", absl::StrCat("'", name, "' is not kernels/NAME"));
  return std::string(id);
}

v1::CatalogImage::State ToProto(AvailableImage::State state) {
  switch (state) {
    case AvailableImage::State::kAvailable:
      return v1::CatalogImage::STATE_AVAILABLE;
    case AvailableImage::State::kPulled:
      return v1::CatalogImage::STATE_PULLED;
    case AvailableImage::State::kUpdate:
      return v1::CatalogImage::STATE_UPDATE;
  }
  return v1::CatalogImage::STATE_UNSPECIFIED;
}

}  // namespace

v1::CatalogImage ToProto(const AvailableImage& available) {
  const CatalogEntry& entry = available.entry;
  v1::CatalogImage proto;
  proto.set_name(absl::StrCat("images/", entry.id));
  proto.set_distro(entry.distro);
  proto.set_arch(entry.arch);
  proto.set_release(entry.release);
  proto.set_size_bytes(entry.size_bytes);
  proto.set_state(ToProto(available.state));
  proto.set_catalog(entry.catalog);
  proto.set_description(entry.description);
  return proto;
}

v1::Image ToProto(const Image& image) {
  v1::Image proto;
  proto.set_name(absl::StrCat("images/", image.id));
  if (!image.kernel.empty()) proto.set_kernel(absl::StrCat("kernels/", image.kernel));
  proto.set_arch(image.arch);
  proto.set_source(image.source);
  proto.set_os(image.os);
  proto.set_size_bytes(image.size_bytes);
  proto.set_disk_bytes(image.disk_bytes);
  proto.mutable_create_time()->set_seconds(image.create_time);
  *proto.mutable_config() = ToProto(image.config);
  proto.set_built_in(image.built_in);
  proto.set_in_place(image.in_place.has_value());
  proto.set_digest(image.digest);
  return proto;
}

absl::StatusOr<std::string> ImageIdOf(const std::string& name) {
  absl::string_view id = name;
  if (!absl::ConsumePrefix(&id, "images/") || !IsImageId(id)) return ImageNameInvalid(name);
  return std::string(id);
}

absl::StatusOr<ImportSpec> SpecOf(const v1::ImportImageRequest::Spec& spec) {
  ImportSpec result;
  BANGER_ASSIGN_OR_RETURN(result.id, ImageIdOf(spec.name()));
  BANGER_ASSIGN_OR_RETURN(result.kernel, KernelIdOf(spec.kernel()));
  if (spec.source().size() > kMaxSourceBytes) return RequestInvalid("source", "has more than 255 bytes");
  result.source = absl::StrCat("import:", PrintableArchivePath(spec.source()));
  if (spec.total_bytes() < 0)
    return RequestInvalid("total_bytes", absl::StrCat(spec.total_bytes(), " is negative"));
  result.size_bytes = spec.size_bytes();
  return result;
}

absl::StatusOr<PullSpec> SpecOf(const v1::PullImageRequest& request) {
  const absl::StatusOr<oci::Reference> reference = oci::ParseReference(request.reference());
  if (!reference.ok()) return ReferenceInvalid(request.reference(), reference.status().message());
  PullSpec spec{.reference = request.reference(),
                .id = oci::ImageIdOf(*reference),
                .size_bytes = request.size_bytes(),
                .platform = request.platform(),
                .login = {.username = request.credentials().username(),
                          .password = request.credentials().password(),
                          .identity_token = request.credentials().identity_token()},
                .insecure = request.insecure()};
  if (!request.name().empty()) {
    BANGER_ASSIGN_OR_RETURN(spec.id, ImageIdOf(request.name()));
  }
  BANGER_ASSIGN_OR_RETURN(spec.kernel, KernelIdOf(request.kernel()));
  return spec;
}

absl::StatusOr<ImportSpec> SpecOf(const v1::RegisterImageRequest& request) {
  ImportSpec result;
  BANGER_ASSIGN_OR_RETURN(result.id, ImageIdOf(request.name()));
  BANGER_ASSIGN_OR_RETURN(result.kernel, KernelIdOf(request.kernel()));
  result.source = absl::StrCat("register:", PrintableArchivePath(request.rootfs_path()));
  return result;
}

absl::StatusOr<std::size_t> PageSizeOf(std::int32_t page_size) {
  if (page_size < 0) return RequestInvalid("page_size", absl::StrCat(page_size, " is negative"));
  return static_cast<std::size_t>(page_size == 0 ? kDefaultPageSize : std::min(page_size, kMaxPageSize));
}

std::string TokenAfter(const std::string& id) { return id.empty() ? "" : absl::WebSafeBase64Escape(id); }

absl::StatusOr<std::string> IdBefore(const std::string& token) {
  std::string id;
  if (token.empty()) return id;
  if (!absl::WebSafeBase64Unescape(token, &id) || !IsImageId(id))
    return RequestInvalid("page_token", absl::StrCat("'", token, "' is none of ours"));
  return id;
}

}  // namespace banger::imaged
