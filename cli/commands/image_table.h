#pragma once

#include <chrono>
#include <string>

namespace banger::image::v1 {
class ListCatalogImagesResponse;
class ListImagesResponse;
}  // namespace banger::image::v1

namespace banger::cli {

std::string ImageTable(const image::v1::ListImagesResponse& images,
                       std::chrono::system_clock::time_point now);

// What the catalogs offer.
std::string AvailableImageTable(const image::v1::ListCatalogImagesResponse& images);

}  // namespace banger::cli
