// Between the protos and the core's types. Checks shapes only.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "banger/image/v1/image_service.pb.h"
#include "services/imaged/core/available_images.h"
#include "services/imaged/core/image.h"
#include "services/imaged/core/image_catalog.h"
#include "services/imaged/core/pull.h"

namespace banger::imaged {

image::v1::Image ToProto(const Image& image);
image::v1::CatalogImage ToProto(const AvailableImage& available);

// "images/x" is "x"; IMAGE_NAME_INVALID for anything else.
absl::StatusOr<std::string> ImageIdOf(const std::string& name);

absl::StatusOr<ImportSpec> SpecOf(const image::v1::ImportImageRequest::Spec& spec);
absl::StatusOr<ImportSpec> SpecOf(const image::v1::RegisterImageRequest& request);

// The image's name is made from the reference when the request has none.
absl::StatusOr<PullSpec> SpecOf(const image::v1::PullImageRequest& request);

absl::StatusOr<std::size_t> PageSizeOf(std::int32_t page_size);

// A page token is the last id of the page before, encoded so that nobody relies on it.
std::string TokenAfter(const std::string& id);
absl::StatusOr<std::string> IdBefore(const std::string& token);

}  // namespace banger::imaged
