#include "services/kerneld/convert.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace v1 = ::banger::kernel::v1;
namespace {

constexpr std::size_t kMaxText = 255;

absl::StatusOr<Format> FromProto(v1::ImportKernelRequest::Format format) {
  switch (format) {
    case v1::ImportKernelRequest::FORMAT_DEB:
      return Format::kDeb;
    case v1::ImportKernelRequest::FORMAT_BUNDLE:
      return Format::kBundle;
    case v1::ImportKernelRequest::FORMAT_TREE:
      return Format::kTree;
    case v1::ImportKernelRequest::FORMAT_IMAGE:
      return Format::kImage;
    default:
      return RequestInvalid("spec.format", absl::StrCat("is ", format, ", which means nothing here"));
  }
}

v1::CatalogEntry::State ToProto(AvailableKernel::State state) {
  switch (state) {
    case AvailableKernel::State::kPulled:
      return v1::CatalogEntry::STATE_PULLED;
    case AvailableKernel::State::kUpdate:
      return v1::CatalogEntry::STATE_UPDATE;
    case AvailableKernel::State::kAvailable:
      break;
  }
  return v1::CatalogEntry::STATE_AVAILABLE;
}

absl::Status CheckText(const std::string& field, const std::string& text) {
  if (text.size() > kMaxText) return RequestInvalid(field, "has more than 255 bytes");
  if (std::any_of(text.begin(), text.end(), [](char byte) { return absl::ascii_iscntrl(byte); }))
    return RequestInvalid(field, "has control characters");
  return absl::OkStatus();
}

}  // namespace

std::string KernelId(absl::string_view name) { return std::string(absl::StripPrefix(name, "kernels/")); }

v1::Kernel ToProto(const Kernel& kernel) {
  v1::Kernel proto;
  proto.set_name(absl::StrCat("kernels/", kernel.id));
  proto.set_distro(kernel.distro);
  proto.set_arch(kernel.arch);
  proto.set_kernel_version(kernel.kernel_version);
  proto.set_sha256(kernel.sha256);
  proto.set_source(kernel.source);
  proto.mutable_import_time()->set_seconds(std::chrono::system_clock::to_time_t(kernel.imported_at));
  proto.set_size_bytes(kernel.size_bytes);
  proto.set_has_initrd(kernel.has_initrd);
  proto.set_has_modules(kernel.has_modules);
  return proto;
}

v1::CatalogEntry ToProto(const AvailableKernel& available) {
  const CatalogEntry& entry = available.entry;
  v1::CatalogEntry proto;
  proto.set_name(absl::StrCat("kernels/", entry.id));
  proto.set_distro(entry.distro);
  proto.set_arch(entry.arch);
  proto.set_kernel_version(entry.kernel_version);
  proto.set_size_bytes(entry.size_bytes);
  proto.set_description(entry.description);
  proto.set_state(ToProto(available.state));
  proto.set_catalog(entry.catalog);
  proto.set_tarball_url(entry.tarball_url);
  proto.set_apt_package(entry.apt_package);
  return proto;
}

v1::GetKernelFilesResponse ToProto(const KernelFiles& files) {
  v1::GetKernelFilesResponse proto;
  *proto.mutable_kernel() = ToProto(files.kernel);
  proto.set_vmlinux_path(files.vmlinux.string());
  proto.set_initrd_path(files.initrd.string());
  proto.set_modules_path(files.modules.string());
  return proto;
}

absl::StatusOr<ImportSpec> FromProto(const v1::ImportKernelRequest::Spec& spec) {
  ImportSpec result{.id = KernelId(spec.name()),
                    .distro = spec.distro(),
                    .arch = spec.arch(),
                    .source = spec.source(),
                    .total_bytes = spec.total_bytes(),
                    .force = spec.force()};
  BANGER_ASSIGN_OR_RETURN(result.format, FromProto(spec.format()));
  BANGER_RETURN_IF_ERROR(CheckText("spec.distro", result.distro));
  BANGER_RETURN_IF_ERROR(CheckText("spec.arch", result.arch));
  BANGER_RETURN_IF_ERROR(CheckText("spec.source", result.source));
  if (result.source.find('/') != std::string::npos)
    return RequestInvalid("spec.source", "is a path, and not just a file's name");
  if (result.total_bytes < 0) return RequestInvalid("spec.total_bytes", "is negative");
  return result;
}

}  // namespace banger::kerneld
