// Whoever makes a root file system of a stream ends when its caller has left, also
// where few bytes of the stream are many to write, or all of it has come.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <stop_token>
#include <string>
#include <type_traits>
#include <vector>

#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/bundle_builder.h"
#include "services/imaged/adapters/docker_archive.h"
#include "services/imaged/adapters/oci_layout_builder.h"
#include "services/imaged/adapters/rootfs_tar_builder.h"
#include "services/imaged/testing/oci_layout.h"
#include "services/imaged/testing/sample_rootfs.h"

namespace banger::imaged {
namespace {

// Its caller leaves with the last byte, or when there is no more to come.
class LeavingSource final : public ByteSource {
 public:
  LeavingSource(const std::string& bytes, bool at_end) : bytes_(bytes), rest_(bytes_), at_end_(at_end) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    const std::size_t count = std::min(buffer.size(), rest_.size());
    std::copy_n(rest_.data(), count, buffer.data());
    rest_.remove_prefix(count);
    if (rest_.empty() && (!at_end_ || count == 0)) stop_.request_stop();
    return count;
  }
  std::stop_token stop() const { return stop_.get_token(); }

 private:
  const std::string bytes_;
  absl::string_view rest_;
  const bool at_end_;
  std::stop_source stop_;
};

struct Way {
  std::string name;
  std::function<std::string()> bytes;
  std::function<std::unique_ptr<RootfsBuilder>(ByteSource&)> builder;
  bool at_end = false;
};

// A few kilobytes, once they are packed.
std::string Bomb() { return std::string(64 << 20, '\0'); }

TarBuilder RootWithABomb() { return TarBuilder().File("bin/sh", SampleElf(), 0755).File("zeros", Bomb()); }

std::string Layout() {
  OciLayout layout;
  const std::string tar = RootWithABomb().Build();
  layout.Layer(tar, CompressForTests(tar, "zstd"), "+zstd");
  return layout.Build();
}

std::string DockerArchive() {
  OciLayout layout;
  const std::string tar = RootWithABomb().Build();
  layout.Layer(tar, tar, "");
  layout.Manifest();
  const nlohmann::json image = {{"Config", "c.json"}, {"Layers", nlohmann::json::array({"layer.tar.zst"})}};
  return TarBuilder()
      .File("c.json", layout.config.dump())
      .File("layer.tar.zst", CompressForTests(tar, "zstd"))
      .File("manifest.json", nlohmann::json::array({image}).dump())
      .Build();
}

std::string Bundle() {
  return CompressForTests(TarBuilder().File("manifest.json", "{}").File("rootfs.ext4", Bomb()).Build(),
                          "zstd");
}

class BuilderStopTest : public ::testing::TestWithParam<Way> {};

TEST_P(BuilderStopTest, EndsWhenItsCallerLeaves) {
  const TempDir directory = *TempDir::Create();
  LeavingSource source(GetParam().bytes(), GetParam().at_end);
  const std::unique_ptr<RootfsBuilder> builder = GetParam().builder(source);
  EXPECT_THAT(builder->Build(directory.path() / "rootfs.ext4", 0, source.stop()),
              StatusIs(absl::StatusCode::kCancelled));
}

template <typename Builder>
std::unique_ptr<RootfsBuilder> Make(ByteSource& source) {
  if constexpr (std::is_constructible_v<Builder, ByteSource&, std::string, std::string>)
    return std::make_unique<Builder>(source, "", "x86_64");
  else
    return std::make_unique<Builder>(source);
}

std::string PackedRoot() { return CompressForTests(RootWithABomb().Build(), "zstd"); }
std::string PackedLayout() { return CompressForTests(Layout(), "gzip"); }
std::string Ext4() { return SampleRootfs(); }

INSTANTIATE_TEST_SUITE_P(
    , BuilderStopTest,
    ::testing::Values(Way{"RootfsTar", PackedRoot, Make<RootfsTarBuilder>},
                      Way{"RootfsTarBehindItsEnd", PackedRoot, Make<RootfsTarBuilder>, true},
                      Way{"OciLayout", PackedLayout, Make<OciLayoutBuilder>},
                      Way{"OciLayoutBehindItsEnd", PackedLayout, Make<OciLayoutBuilder>, true},
                      Way{"DockerArchive", DockerArchive, Make<DockerArchiveBuilder>},
                      Way{"DockerArchiveBehindItsEnd", DockerArchive, Make<DockerArchiveBuilder>, true},
                      Way{"Bundle", Bundle, Make<BundleBuilder>}, Way{"Ext4", Ext4, Make<Ext4Builder>}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace banger::imaged
