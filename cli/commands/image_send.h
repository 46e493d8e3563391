#pragma once

#include <string>

#include "absl/status/status.h"
#include "banger/image/v1/image_service.pb.h"
#include "cli/client.h"
#include "cli/upload/detect.h"

namespace banger::cli {

// Sends an image with ImportImage and shows how far it is. `spec` has what the
// user said; what the upload tells is added. `image` becomes the result.
absl::Status SendImage(Client& client, const ImageUpload& source,
                       const image::v1::ImportImageRequest::Spec& spec, const std::string& what,
                       image::v1::Image& image);

}  // namespace banger::cli
