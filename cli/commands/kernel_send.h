#pragma once

#include <string>

#include "absl/status/status.h"
#include "banger/kernel/v1/kernel_service.pb.h"
#include "cli/client.h"
#include "cli/upload/detect.h"

namespace banger::cli {

// Sends a kernel with ImportKernel and shows how far it is. `spec` has what the
// user said; what the upload tells is added. `kernel` becomes the result.
absl::Status SendKernel(Client& client, const KernelUpload& source,
                        const kernel::v1::ImportKernelRequest::Spec& spec, const std::string& what,
                        kernel::v1::Kernel& kernel);

}  // namespace banger::cli
