#include "cli/commands/image_table.h"

#include "banger/image/v1/image_service.pb.h"
#include "cli/names.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "cli/output/time.h"

namespace banger::cli {
namespace {

std::string StateName(image::v1::CatalogImage::State state) {
  switch (state) {
    case image::v1::CatalogImage::STATE_AVAILABLE:
      return "available";
    case image::v1::CatalogImage::STATE_PULLED:
      return "pulled";
    case image::v1::CatalogImage::STATE_UPDATE:
      return "update";
    default:
      return "";
  }
}

}  // namespace

std::string AvailableImageTable(const image::v1::ListCatalogImagesResponse& images) {
  Table table({"NAME", "DISTRO", "ARCH", "RELEASE", "SIZE", "STATE", "SOURCE"});
  for (const image::v1::CatalogImage& image : images.images())
    table.AddRow({IdOf(image.name()), image.distro(), image.arch(), image.release(),
                  image.size_bytes() == 0 ? "" : HumanSize(image.size_bytes()), StateName(image.state()),
                  image.catalog()});
  return table.Render();
}

std::string ImageTable(const image::v1::ListImagesResponse& images,
                       std::chrono::system_clock::time_point now) {
  Table table({"NAME", "OS", "ARCH", "KERNEL", "SIZE", "ON DISK", "CREATED", "SOURCE"});
  for (const image::v1::Image& image : images.images())
    table.AddRow({IdOf(image.name()), image.os(), image.arch(),
                  image.kernel().empty() ? "(default)" : IdOf(image.kernel()), HumanSize(image.size_bytes()),
                  HumanSize(image.disk_bytes()), HumanAge(ToTime(image.create_time()), now), image.source()});
  return table.Render();
}

}  // namespace banger::cli
