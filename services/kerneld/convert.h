// Between the API's messages and the core's types; checks the shape of requests.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "banger/kernel/v1/kernel_service.pb.h"
#include "services/kerneld/core/kernel.h"

namespace banger::kerneld {

// "debian-6.1" of "kernels/debian-6.1"; the bare id is fine, too.
std::string KernelId(absl::string_view name);

kernel::v1::Kernel ToProto(const Kernel& kernel);
kernel::v1::CatalogEntry ToProto(const AvailableKernel& available);
kernel::v1::GetKernelFilesResponse ToProto(const KernelFiles& files);

// REQUEST_INVALID naming the field.
absl::StatusOr<ImportSpec> FromProto(const kernel::v1::ImportKernelRequest::Spec& spec);

}  // namespace banger::kerneld
