#include "services/imaged/adapters/bundle_builder.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/http/testing/http_server.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/bundle_pull.h"
#include "services/imaged/testing/sample_rootfs.h"

namespace banger::imaged {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

const std::string& Rootfs() {
  static const std::string rootfs = SampleRootfs();
  return rootfs;
}

std::string Zstd(const TarBuilder& tar) { return CompressForTests(tar.Build(), "zstd"); }

TarBuilder WithManifest() { return TarBuilder().File("manifest.json", "{}"); }

class BundleBuilderTest : public ::testing::Test {
 protected:
  absl::StatusOr<BuiltRootfs> Build(const std::string& bytes, const ArchiveLimits& limits = {},
                                    std::int64_t wanted = 0) {
    fs::remove(rootfs_);
    MemorySource source(bytes);
    return BundleBuilder(source, limits).Build(rootfs_, wanted, {});
  }
  absl::StatusOr<BuiltRootfs> BuildExt4(const std::string& bytes) {
    fs::remove(rootfs_);
    MemorySource source(bytes);
    return Ext4Builder(source).Build(rootfs_, 0, {});
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path rootfs_ = dir_->path() / "rootfs.ext4";
};

TEST_F(BundleBuilderTest, AFileSystemComesOutAsItWasAndTheManifestSaysHowToRunInIt) {
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built, Build(SampleBundle(Rootfs())));
  EXPECT_EQ(built.os, "Sample 1");
  EXPECT_EQ(built.arch, "x86_64");
  EXPECT_EQ(built.size_bytes, 16 << 20);
  EXPECT_THAT(built.config.env, ElementsAre("A=b"));
  EXPECT_THAT(built.config.cmd, ElementsAre("/bin/sh"));
  EXPECT_TRUE(*ReadFile(rootfs_, 128 << 20) == Rootfs());
  EXPECT_OK(CheckExt4(rootfs_));
  // It came without holes and has them now.
  EXPECT_LT(*DiskUsage(rootfs_), 8 << 20);
}

TEST_F(BundleBuilderTest, AReadyFileSystemIsTakenAsItIs) {
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built, BuildExt4(Rootfs()));
  EXPECT_EQ(built.os, "Sample 1");
  EXPECT_TRUE(*ReadFile(rootfs_, 128 << 20) == Rootfs());
  EXPECT_OK(CheckExt4(rootfs_));
  for (const std::string& wrong : {std::string(), std::string("no file system"),
                                   Rootfs().substr(0, Rootfs().size() / 2), std::string(1 << 20, '\0')})
    EXPECT_EQ(ErrorReason(BuildExt4(wrong).status()), "IMAGE_CORRUPT");
}

TEST_F(BundleBuilderTest, AReadyFileSystemKeepsItsSize) {
  EXPECT_EQ(ErrorReason(Build(SampleBundle(Rootfs()), {}, 1 << 30).status()), "REQUEST_INVALID");
}

TEST_F(BundleBuilderTest, AFileSystemWithoutAnythingToStartIsRefused) {
  fs::remove(rootfs_);
  ASSERT_OK(MakeEmptyExt4(rootfs_, {.size_bytes = 16 << 20}));
  const std::string empty = *ReadFile(rootfs_);
  EXPECT_THAT(BuildExt4(empty), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither /bin/sh")));
}

TEST_F(BundleBuilderTest, WhatIsNoBundleIsRefusedByName) {
  const std::string rootfs = Rootfs();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Zstd(WithManifest()), "has no rootfs.ext4"},
      {Zstd(TarBuilder().File("rootfs.ext4", rootfs)), "has no manifest.json"},
      {Zstd(WithManifest().File("readme", "")), "'readme'"},
      {Zstd(WithManifest().File("./rootfs.ext4", rootfs)), "'./rootfs.ext4'"},
      {Zstd(WithManifest().File("../rootfs.ext4", rootfs)), "'../rootfs.ext4'"},
      {Zstd(WithManifest().File("/rootfs.ext4", rootfs)), "'/rootfs.ext4'"},
      {Zstd(WithManifest().Directory("a/")), "'a/'"},
      {Zstd(WithManifest().Symlink("rootfs.ext4", "/etc/shadow")), "'rootfs.ext4': is not a regular file"},
      {Zstd(WithManifest().Directory("rootfs.ext4")), "'rootfs.ext4"},
      {Zstd(WithManifest().Add({.path = "rootfs.ext4", .type = '1', .link_target = "manifest.json"})),
       "'rootfs.ext4': is not a regular file"},
      {Zstd(WithManifest().File("manifest.json", "{}")), "'manifest.json': is there twice"},
      {Zstd(WithManifest().File("rootfs.ext4", rootfs).File("rootfs.ext4", rootfs)),
       "'rootfs.ext4': is there twice"},
      {SampleBundle(rootfs) + "garbage", ""},
      {CompressForTests(WithManifest().File("rootfs.ext4", rootfs).Build() + "garbage", "zstd"),
       "behind the tar"},
      {SampleBundle(rootfs).substr(0, SampleBundle(rootfs).size() / 2), ""},
      {CompressForTests(WithManifest().File("rootfs.ext4", rootfs).Build(), "gzip"), ""},
      {"", ""},
      {Zstd(TarBuilder().File("manifest.json", "[]").File("rootfs.ext4", rootfs)), "manifest.json"},
      {Zstd(WithManifest().File("rootfs.ext4", "no file system")), "no ext4"}};
  for (const auto& [bytes, what] : cases) {
    const absl::Status status = Build(bytes).status();
    const std::string reason = ErrorReason(status);
    EXPECT_TRUE(reason == "ARCHIVE_REFUSED" || reason == "IMAGE_CORRUPT") << what << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }
}

TEST_F(BundleBuilderTest, ASmallFileThatUnpacksToMuchIsRefused) {
  // A header that says 1 TiB before a few kilobytes that could go on for ever.
  TarBuilder bomb = WithManifest().Pax("size", "1099511627776");
  bomb.File("rootfs.ext4", "");
  EXPECT_EQ(ErrorReason(Build(CompressForTests(bomb.Build() + std::string(16 << 20, '\0'), "zstd")).status()),
            "ARCHIVE_REFUSED");
  EXPECT_EQ(ErrorReason(Build(SampleBundle(Rootfs()), {.max_bytes = 8 << 20}).status()), "ARCHIVE_REFUSED");
}

TEST_F(BundleBuilderTest, ATransferEndsAsTheCatalogSaysOrInAnError) {
  const std::string bundle = SampleBundle(Rootfs());
  std::string served = bundle;
  http::HttpServer server([&](const http::HttpServer::Request& request, http::HttpServer::Client& client) {
    http::ServedFile{.content = served, .cut_after = bundle.size() / 3}.Answer(request, client);
  });
  const CatalogEntry entry{.id = "x",
                           .bundle_url = server.Url("/x.tar.zst"),
                           .bundle_sha256 = Sha256Hex(bundle),
                           .size_bytes = static_cast<std::int64_t>(bundle.size())};
  std::int64_t received = 0;
  const auto pull = [&](const std::stop_token& stop = {}) {
    fs::remove(rootfs_);
    const auto progress = [&](const Progress& step) { received = std::max(received, step.done_bytes); };
    return BundlePull(entry, progress, {.max_retries = 1, .first_delay = 1ms, .longest_delay = 1ms})
        .Build(rootfs_, 0, stop)
        .status();
  };
  // Taken up again and again.
  EXPECT_OK(pull());
  EXPECT_EQ(received, entry.size_bytes);
  EXPECT_TRUE(*ReadFile(rootfs_, 128 << 20) == Rootfs());
  // A sound bundle, but not that one.
  served = SampleBundle(SampleRootfs());
  served.resize(bundle.size());
  EXPECT_EQ(ErrorReason(pull()), "IMAGE_CORRUPT");
  served = bundle;
  served[served.size() / 2] = static_cast<char>(served[served.size() / 2] ^ 1);
  EXPECT_EQ(ErrorReason(pull()), "IMAGE_CORRUPT");
  EXPECT_THAT(std::string(pull().message()), HasSubstr(entry.bundle_url));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(pull(stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger::imaged
