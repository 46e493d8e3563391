#include "tests/e2e/oci_layout.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/subprocess.h"
#include "common/testing/status_matchers.h"

namespace banger::e2e {
namespace fs = std::filesystem;

OciLayout::OciLayout(fs::path dir) : dir_(std::move(dir)) { Umoci({"init", "--layout", dir_}); }

void OciLayout::Make(const std::string& image) const { Umoci({"new", "--image", Named(image)}); }

void OciLayout::Copy(const std::string& from, const std::string& image) const {
  Umoci({"tag", "--image", Named(from), image});
}

void OciLayout::AddLayer(const std::string& image, const fs::path& layer) const {
  if (!fs::is_directory(layer)) return Umoci({"raw", "add-layer", "--image", Named(image), layer});
  const fs::path tar = absl::StrCat(layer.string(), ".tar");
  EXPECT_OK(RunCommandOk(
      {.argv = {"tar", "--owner=0", "--group=0", "--numeric-owner", "-cf", tar, "-C", layer, "."}}));
  Umoci({"raw", "add-layer", "--image", Named(image), tar});
}

void OciLayout::Configure(const std::string& image, const std::vector<std::string>& arguments) const {
  std::vector<std::string> all = {"config", "--image", Named(image)};
  all.insert(all.end(), arguments.begin(), arguments.end());
  Umoci(std::move(all));
}

void OciLayout::Umoci(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "umoci");
  EXPECT_OK(RunCommandOk({.argv = arguments}));
}

std::string OciLayout::Named(const std::string& image) const {
  return absl::StrCat(dir_.string(), ":", image);
}

}  // namespace banger::e2e
