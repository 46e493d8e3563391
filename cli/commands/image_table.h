#pragma once

#include <chrono>
#include <string>

namespace banger::image::v1 {
class ListImagesResponse;
}

namespace banger::cli {

std::string ImageTable(const image::v1::ListImagesResponse& images,
                       std::chrono::system_clock::time_point now);

}  // namespace banger::cli
