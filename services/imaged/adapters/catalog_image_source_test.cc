#include "services/imaged/adapters/catalog_image_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/digest/sha256.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/testing/fakes.h"
#include "services/imaged/testing/sample_rootfs.h"

namespace banger::imaged {
namespace {

using ::testing::HasSubstr;

// Remembers what it was asked for.
class RecordingSource final : public ImageSource {
 public:
  absl::StatusOr<RemoteImage> Find(const PullSpec& spec, const ProgressFn&, const std::stop_token&) override {
    asked = spec;
    return RemoteImage{.reference = spec.reference, .digest = "sha256:1"};
  }
  PullSpec asked;
};

class CatalogImageSourceTest : public ::testing::Test {
 protected:
  absl::StatusOr<RemoteImage> Find(const PullSpec& spec) {
    const auto progress = [this](const Progress& step) { details_ += step.detail; };
    return source_.Find(spec, progress, {});
  }

  FakeCatalogs catalogs_;
  RecordingSource registries_;
  std::string details_;
  CatalogImageSource source_{catalogs_, registries_, "x86_64"};
};

TEST_F(CatalogImageSourceTest, ABundleIsFetchedAndUnpacked) {
  const std::string rootfs = SampleRootfs();
  const std::string bundle = SampleBundle(rootfs);
  http::HttpServer server([&](const http::HttpServer::Request& request, http::HttpServer::Client& client) {
    http::ServedFile{.content = bundle}.Answer(request, client);
  });
  catalogs_.entries = {{.id = "golden",
                        .arch = "x86_64",
                        .bundle_url = server.Url("/g.tar.zst"),
                        .bundle_sha256 = Sha256Hex(bundle),
                        .size_bytes = static_cast<std::int64_t>(bundle.size()),
                        .kernel = "k",
                        .catalog = "built-in"}};
  ASSERT_OK_AND_ASSIGN(const RemoteImage image, Find({.reference = "golden", .id = "golden"}));
  EXPECT_EQ(image.reference, server.Url("/g.tar.zst"));
  EXPECT_EQ(image.digest, "sha256:" + Sha256Hex(bundle));
  EXPECT_EQ(image.kernel, "k");
  EXPECT_THAT(details_, HasSubstr("built-in catalog: http://"));
  const absl::StatusOr<TempDir> dir = TempDir::Create();
  ASSERT_OK(image.builder->Build(dir->path() / "rootfs.ext4", 0, {}));
  EXPECT_TRUE(*ReadFile(dir->path() / "rootfs.ext4", 128 << 20) == rootfs);
  EXPECT_EQ(ErrorReason(Find({.reference = "golden", .id = "g", .platform = "linux/arm64"}).status()),
            "PLATFORM_NOT_FOUND");
  EXPECT_EQ(ErrorReason(Find({.reference = "golden", .id = "g", .platform = "x"}).status()),
            "REQUEST_INVALID");
  EXPECT_OK(Find({.reference = "golden", .id = "g", .platform = "linux/amd64"}));
}

TEST_F(CatalogImageSourceTest, ANameThatStandsForARegistrysImageIsLookedForThere) {
  catalogs_.entries = {
      {.id = "app", .arch = "x86_64", .oci_reference = "reg.example/app:1", .kernel = "k", .catalog = "c"}};
  const PullSpec spec{.reference = "app", .id = "app", .login = {.username = "u", .password = "p"}};
  ASSERT_OK_AND_ASSIGN(const RemoteImage image, Find(spec));
  EXPECT_EQ(registries_.asked.reference, "reg.example/app:1");
  EXPECT_EQ(registries_.asked.login, RegistryLogin()) << "it was for another registry";
  EXPECT_EQ(image.kernel, "k");
  EXPECT_EQ(details_, "c catalog: reg.example/app:1");
  catalogs_.entries[0].oci_reference = "docker.io/x/app:1";
  ASSERT_OK(Find(spec));
  EXPECT_EQ(registries_.asked.login, spec.login);
}

TEST_F(CatalogImageSourceTest, AllElseIsLeftToTheRegistries) {
  const PullSpec spec{
      .reference = "reg.example/app:2", .id = "a", .login = {.username = "u"}, .insecure = true};
  ASSERT_OK(Find(spec));
  EXPECT_EQ(registries_.asked.reference, spec.reference);
  EXPECT_EQ(registries_.asked.login, spec.login);
  EXPECT_TRUE(registries_.asked.insecure);
  EXPECT_EQ(details_, "");
  catalogs_.error = SourceUnreachable("https://c", "gone");
  EXPECT_EQ(ErrorReason(Find({.reference = "debian", .id = "debian"}).status()), "SOURCE_UNREACHABLE");
}

}  // namespace
}  // namespace banger::imaged
