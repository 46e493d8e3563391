#include "tests/integration/sample_image.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/archive/compress_for_tests.h"
#include "common/archive/tar_builder.h"
#include "common/digest/sha256.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/rootfs_tar_builder.h"
#include "services/imaged/testing/oci_layout.h"
#include "services/imaged/testing/sample_rootfs.h"

namespace banger {
namespace {

using nlohmann::json;

constexpr unsigned kLayers = 5;
constexpr std::size_t kFileBytes = 600'000;

std::string FileName(unsigned layer) { return absl::StrCat("file", layer); }

std::string Content(unsigned layer) {
  std::mt19937 random(layer);
  std::string bytes(kFileBytes, '\0');
  std::generate(bytes.begin(), bytes.end(), [&random] { return static_cast<char>(random()); });
  return bytes;
}

std::string Replaced(unsigned layer) { return absl::StrCat("by ", layer); }

TarBuilder Layer(unsigned layer) {
  TarBuilder tar;
  if (layer == 0) tar.File("bin/sh", imaged::SampleElf(), 0755).File("gone", "x");
  tar.File(FileName(layer), Content(layer)).File("replaced", Replaced(layer));
  if (layer + 1 == kLayers) tar.File(".wh.gone", "");
  return tar;
}

std::string AllInOneTar() {
  TarBuilder tar;
  tar.File("bin/sh", imaged::SampleElf(), 0755).File("replaced", Replaced(kLayers - 1));
  for (unsigned i = 0; i < kLayers; ++i) tar.File(FileName(i), Content(i));
  return tar.Build();
}

std::string Ext4Of(const std::string& tar) {
  const TempDir directory = *TempDir::Create();
  MemorySource source(tar);
  const auto built = imaged::RootfsTarBuilder(source).Build(directory.path() / "rootfs.ext4",
                                                            SampleImage::kFileSystemBytes, {});
  return *ReadFile(directory.path() / "rootfs.ext4", SampleImage::kFileSystemBytes);
}

}  // namespace

SampleImage::SampleImage() : rootfs_tar_(AllInOneTar()), ext4_(Ext4Of(rootfs_tar_)) {
  imaged::OciLayout layout;
  TarBuilder docker;
  std::vector<std::string> names;
  for (unsigned i = 0; i < kLayers; ++i) {
    const std::string tar = Layer(i).Build();
    // Plain ones would be packed on their way to a registry.
    const std::string packer = i % 2 == 0 ? "gzip" : "zstd";
    const std::string packed = CompressForTests(tar, packer);
    layout.Layer(tar, packed, absl::StrCat("+", packer));
    blobs_[Sha256Hex(packed)] = packed;
    names.push_back(absl::StrCat(i, "/layer.tar"));
    docker.File(names.back(), tar);
  }
  const json manifest = layout.Manifest();
  manifest_digest_ = manifest["digest"];
  layout_ = layout.Build({manifest});
  docker.File("config.json", layout.config.dump());
  const json image = {{"Config", "config.json"}, {"Layers", names}};
  docker.File("manifest.json", json::array({image}).dump());
  docker_archive_ = docker.Build();
  bundle_ = imaged::SampleBundle(ext4_);
}

std::int64_t SampleImage::blob_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& [hex, blob] : blobs_) bytes += static_cast<std::int64_t>(blob.size());
  return bytes;
}

absl::Status SampleImage::Check(const std::filesystem::path& rootfs) const {
  BANGER_RETURN_IF_ERROR(CheckExt4(rootfs));
  BANGER_ASSIGN_OR_RETURN(const Ext4Inspector tree, Ext4Inspector::Open(rootfs));
  for (unsigned i = 0; i < kLayers; ++i) {
    BANGER_ASSIGN_OR_RETURN(const std::string content, tree.ReadFile(absl::StrCat("/", FileName(i))));
    if (content != Content(i)) return absl::DataLossError(absl::StrCat(FileName(i), " has other bytes"));
  }
  BANGER_ASSIGN_OR_RETURN(const std::string replaced, tree.ReadFile("/replaced"));
  if (replaced != Replaced(kLayers - 1)) return absl::DataLossError("/replaced is " + replaced);
  if (tree.Stat("/gone").ok()) return absl::DataLossError("/gone is there");
  return absl::OkStatus();
}

}  // namespace banger
