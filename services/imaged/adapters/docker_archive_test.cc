#include "services/imaged/adapters/docker_archive.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/archive/tar_builder.h"
#include "common/digest/sha256.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/testing/sample_rootfs.h"

namespace banger::imaged {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DockerArchiveTest : public ::testing::Test {
 protected:
  DockerArchiveTest() {
    TarBuilder lower;
    lower.File("bin/sh", SampleElf(), 0755).File("etc/os-release", "ID=one\n").File("gone", "x");
    TarBuilder upper;
    upper.File("etc/os-release", "PRETTY_NAME=Two\n").File(".wh.gone", "");
    layers_ = {lower.Build(), upper.Build()};
  }

  std::string Config(const std::string& arch = "amd64") const {
    json config = {{"architecture", arch},
                   {"os", "linux"},
                   {"config", {{"Env", json::array({"A=b"})}, {"Cmd", json::array({"/bin/sh"})}}},
                   {"rootfs", {{"type", "layers"}, {"diff_ids", json::array()}}}};
    for (const std::string& layer : layers_)
      config["rootfs"]["diff_ids"].push_back(absl::StrCat("sha256:", Sha256Hex(layer)));
    return config.dump();
  }
  static json Image(const std::string& config, const std::vector<std::string>& layers,
                    const std::string& tag) {
    return {{"Config", config}, {"RepoTags", json::array({tag})}, {"Layers", layers}};
  }

  absl::StatusOr<BuiltRootfs> Build(const std::string& archive, const std::string& reference = "") {
    std::filesystem::remove(rootfs_);
    MemorySource source(archive);
    return DockerArchiveBuilder(source, reference, "x86_64").Build(rootfs_, 0, {});
  }
  void ExpectWhole(const absl::StatusOr<BuiltRootfs>& built) {
    ASSERT_OK(built);
    EXPECT_EQ(built->os, "Two");
    EXPECT_EQ(built->arch, "x86_64");
    EXPECT_THAT(built->config.env, ElementsAre("A=b"));
    EXPECT_OK(CheckExt4(rootfs_));
    EXPECT_THAT(Ext4Inspector::Open(rootfs_)->Stat("/gone"), StatusIs(absl::StatusCode::kNotFound));
  }

  std::vector<std::string> layers_;
  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const std::filesystem::path rootfs_ = dir_->path() / "rootfs.ext4";
};

TEST_F(DockerArchiveTest, LayersInDirectoriesAsOldDockersWriteThem) {
  const std::string config = Config();
  const std::string name = absl::StrCat(Sha256Hex(config), ".json");
  TarBuilder tar;
  tar.Directory("aa").File("aa/VERSION", "1.0").File("aa/json", "{}").File("aa/layer.tar", layers_[0]);
  tar.Directory("bb").File("bb/VERSION", "1.0").Symlink("bb/layer.tar", "../cc/layer.tar");
  tar.File("cc/layer.tar", layers_[1]).File(name, config).File("repositories", "{}");
  tar.File("manifest.json", json::array({Image(name, {"aa/layer.tar", "bb/layer.tar"}, "app:v1")}).dump());
  ExpectWhole(Build(tar.Build()));
  ExpectWhole(Build(tar.Build(), "app:v1"));
}

TEST_F(DockerArchiveTest, BlobsOfALayoutAsNewDockersWriteThem) {
  const std::string config = Config();
  const auto blob = [](const std::string& bytes) { return absl::StrCat("blobs/sha256/", Sha256Hex(bytes)); };
  const std::string gzip = CompressForTests(layers_[1], "gzip");
  TarBuilder tar;
  tar.File("manifest.json",
           json::array({Image(blob(config), {blob(layers_[0]), blob(gzip)}, "host/app:v1")}).dump());
  tar.File(blob(config), config).File(blob(layers_[0]), layers_[0]).File(blob(gzip), gzip);
  ExpectWhole(Build(tar.Build()));
  ExpectWhole(Build(tar.Build(), "app:v1"));
}

TEST_F(DockerArchiveTest, OneOfSeveralImagesIsTakenByItsName) {
  const std::string config = Config();
  TarBuilder tar;
  tar.File("c.json", config).File("1.tar", layers_[0]).File("2.tar", layers_[1]);
  tar.File("manifest.json", json::array({Image("c.json", {"1.tar", "2.tar"}, "app:v1"),
                                         Image("none.json", {"1.tar"}, "other:v2")})
                                .dump());
  ExpectWhole(Build(tar.Build(), "app:v1"));
  EXPECT_THAT(Build(tar.Build()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name one: app:v1, other:v2")));
  EXPECT_THAT(Build(tar.Build(), "x").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no image 'x'; its names: app:v1")));
  EXPECT_THAT(Build(tar.Build(), "other:v2").status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("lacks 'none.json'")));
}

TEST_F(DockerArchiveTest, WhatContradictsItselfIsRefusedByName) {
  const std::string config = Config();
  const auto with = [&](const std::string& manifest) {
    return TarBuilder()
        .File("c.json", config)
        .File("1.tar", layers_[0])
        .File("2.tar", layers_[1])
        .File("manifest.json", manifest);
  };
  const auto images = [](const json& image) { return json::array({image}).dump(); };
  const json sound = Image("c.json", {"1.tar", "2.tar"}, "app:v1");
  const std::string wrong_name = absl::StrCat(std::string(64, 'a'), ".json");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {TarBuilder().File("bin/sh", "x").Build(), "no manifest.json"},
      {with("no json").Build(), "lists no images"},
      {with("[]").Build(), "lists no images"},
      {with(std::string(100'000, '[')).Build(), "lists no images"},
      {with(images(Image("c.json", {"1.tar"}, "a"))).Build(), "1 layers but 2 diff_ids"},
      {with(images(Image("c.json", {}, "a"))).Build(), "no layers"},
      {with(images(Image("c.json", {"2.tar", "1.tar"}, "a"))).Build(), "unpacked"},
      {with(images(Image("c.json", {"1.tar", "3.tar"}, "a"))).Build(), "lacks '3.tar'"},
      {with(images(Image(wrong_name, {"1.tar", "2.tar"}, "a"))).File(wrong_name, config).Build(),
       "the image's config"},
      {with(images(sound)).File("1.tar", "again").Build(), "'1.tar': is there twice"},
      {with(images(sound)).File("../evil", "x").Build(), "../evil"},
      {with(images(sound)).Symlink("a/layer.tar", "../../evil").Build(), "leaves the archive"},
      {with(images(sound)).Symlink("layer.tar", "/etc/shadow").Build(), "leaves the archive"},
      {with(images(Image("c.json", {"a", "b"}, "a"))).Symlink("a", "b").Symlink("b", "a").Build(),
       "lacks 'a'"}};
  for (const auto& [archive, what] : cases) {
    const absl::Status status = Build(archive).status();
    const std::string reason = ErrorReason(status);
    EXPECT_TRUE(reason == "ARCHIVE_REFUSED" || reason == "IMAGE_CORRUPT" || reason == "DIGEST_MISMATCH")
        << what << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }
}

TEST_F(DockerArchiveTest, AnotherMachinesImageIsRefused) {
  TarBuilder tar;
  tar.File("c.json", Config("arm64")).File("1.tar", layers_[0]).File("2.tar", layers_[1]);
  tar.File("manifest.json", json::array({Image("c.json", {"1.tar", "2.tar"}, "app:v1")}).dump());
  EXPECT_THAT(Build(tar.Build()).status(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("arm64")));
}

}  // namespace
}  // namespace banger::imaged
