// OCI image layouts for tests, as a tar in memory; also wrong ones.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/archive/tar_builder.h"
#include "common/oci/digest.h"

namespace banger::imaged {

class OciLayout {
 public:
  using Json = nlohmann::json;

  // Adds the blob to the layout and gives its descriptor.
  Json Blob(const std::string& bytes, const std::string& media_type) {
    blobs.emplace_back(DigestOf(bytes), bytes);
    return {{"mediaType", media_type}, {"digest", blobs.back().first}, {"size", bytes.size()}};
  }

  // The next layer: `packed` is what is stored of the tar.
  OciLayout& Layer(const std::string& tar, const std::string& packed, const std::string& suffix) {
    layers.push_back(Blob(packed, absl::StrCat("application/vnd.oci.image.layer.v1.tar", suffix)));
    diff_ids.push_back(DigestOf(tar));
    return *this;
  }
  OciLayout& Layer(TarBuilder& tar) { return Layer(tar.Build(), tar.Build(), ""); }

  // A manifest of the layers so far.
  Json Manifest() {
    config["rootfs"] = {{"type", "layers"}, {"diff_ids", diff_ids}};
    const Json manifest = {{"schemaVersion", 2},
                           {"config", Blob(config.dump(), "application/vnd.oci.image.config.v1+json")},
                           {"layers", layers}};
    return Blob(manifest.dump(), "application/vnd.oci.image.manifest.v1+json");
  }

  // The tar of it all, the index last.
  std::string Build(const std::vector<Json>& manifests) {
    TarBuilder tar;
    tar.File("oci-layout", R"({"imageLayoutVersion":"1.0.0"})").Directory("blobs");
    tar.Directory(absl::StrCat("blobs/", algorithm));
    for (const auto& [digest, bytes] : blobs)
      tar.File(absl::StrCat("blobs/", absl::StrReplaceAll(digest, {{":", "/"}})), bytes);
    return tar.File("index.json", Json({{"schemaVersion", 2}, {"manifests", manifests}}).dump()).Build();
  }
  std::string Build() { return Build({Manifest()}); }

  // By the layout's algorithm.
  std::string DigestOf(const std::string& bytes) const {
    const std::string zeros(algorithm == "sha512" ? 128 : 64, '0');
    oci::Digester digester = *oci::Digester::For(absl::StrCat(algorithm, ":", zeros));
    digester.Update(bytes);
    return digester.Digest();
  }

  std::string algorithm = "sha256";  // or sha512
  Json config = {{"os", "linux"}, {"architecture", "amd64"}, {"config", Json::object()}};
  std::vector<Json> layers;
  std::vector<std::string> diff_ids;
  std::vector<std::pair<std::string, std::string>> blobs;  // by digest
};

}  // namespace banger::imaged
