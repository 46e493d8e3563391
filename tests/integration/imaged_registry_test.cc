// Images of a real registry: plain, with a login over TLS, and with tokens.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/archive/compress_for_tests.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/cache/blob_cache.h"
#include "services/imaged/adapters/registry/registry_source.h"
#include "services/imaged/testing/oci_layout.h"
#include "tests/integration/docker_registry.h"
#include "tests/integration/tcp_relay.h"

namespace banger::imaged {
namespace {

using ::testing::HasSubstr;
using Json = OciLayout::Json;

// One layer for each text, at /file0, /file1 and so on; /last has the last text.
OciLayout LayoutOf(const std::vector<std::string>& texts) {
  OciLayout layout;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    TarBuilder tar;
    const std::string bytes = tar.File(absl::StrCat("file", i), texts[i]).File("last", texts[i]).Build();
    layout.Layer(bytes, CompressForTests(bytes, "gzip"), "+gzip");
  }
  return layout;
}

class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create());
    ASSERT_OK_AND_ASSIGN(cache_, BlobCache::Open(directory_.path() / "cache", std::int64_t{1} << 30));
  }

  void Start(const DockerRegistry::Options& options) {
    ASSERT_OK_AND_ASSIGN(registry_, DockerRegistry::Start(options));
    if (options.tls) registries_ = {{.host = registry_->host(), .ca = registry_->ca().string()}};
  }

  PullSpec SpecFor(const std::string& name) const {
    return {.reference = absl::StrCat(registry_->host(), "/", name), .id = "x"};
  }
  PullSpec WithLogin(PullSpec spec, const std::string& password = DockerRegistry::kPassword) const {
    spec.login = {.username = DockerRegistry::kUser, .password = password};
    return spec;
  }

  absl::StatusOr<Ext4Inspector> Pull(const PullSpec& spec) {
    RegistrySource source(*cache_, registries_, "x86_64", {.max_retries = 1});
    BANGER_ASSIGN_OR_RETURN(const RemoteImage image, source.Find(spec, [](const Progress&) {}, {}));
    const std::filesystem::path rootfs = directory_.path() / absl::StrCat("rootfs", ++count_);
    BANGER_RETURN_IF_ERROR(image.builder->Build(rootfs, 0, {}).status());
    BANGER_RETURN_IF_ERROR(CheckExt4(rootfs));
    return Ext4Inspector::Open(rootfs);
  }

  std::filesystem::path BlobPath(const std::string& name) const {
    return directory_.path() / "cache" / "blobs" / "sha256" / name;
  }
  std::map<std::string, std::string> CachedBlobs() const {
    std::map<std::string, std::string> blobs;
    for (const auto& entry : std::filesystem::directory_iterator(BlobPath("")))
      blobs[entry.path().filename().string()] = *ReadFile(entry.path());
    return blobs;
  }

  std::string Reason(const PullSpec& spec) { return ErrorReason(Pull(spec).status()); }

  TempDir directory_;
  std::unique_ptr<BlobCache> cache_;
  std::unique_ptr<DockerRegistry> registry_;
  std::vector<RegistryConfig> registries_;
  int count_ = 0;
};

TEST_F(RegistryTest, ImagesOfBothKindsOfManifestArePulled) {
  Start({});
  const std::string layout = LayoutOf({"a", "b", "c"}).Build();
  for (const char* format : {"oci", "v2s2"}) {
    const std::string name = absl::StrCat("banger/", format, ":v1");
    ASSERT_OK(registry_->Push(layout, name, format));
    ASSERT_OK_AND_ASSIGN(const Ext4Inspector fs, Pull(SpecFor(name)));
    EXPECT_THAT(fs.ReadFile("/file0"), IsOkAndHolds("a"));
    EXPECT_THAT(fs.ReadFile("/last"), IsOkAndHolds("c"));
  }
}

TEST_F(RegistryTest, AnIndexGivesThisHostsImage) {
  Start({});
  OciLayout layout;
  std::vector<Json> manifests;
  for (const char* architecture : {"arm64", "amd64", "s390x"}) {
    layout.layers.clear();
    layout.diff_ids.clear();
    layout.config["architecture"] = architecture;
    TarBuilder tar;
    layout.Layer(tar.File("which", architecture));
    Json manifest = layout.Manifest();
    manifest["platform"] = {{"os", "linux"}, {"architecture", architecture}};
    manifests.push_back(manifest);
  }
  const Json index = layout.Blob(Json{{"schemaVersion", 2},
                                      {"mediaType", "application/vnd.oci.image.index.v1+json"},
                                      {"manifests", manifests}}
                                     .dump(),
                                 "application/vnd.oci.image.index.v1+json");
  ASSERT_OK(registry_->Push(layout.Build({index}), "banger/multi:v1", "oci", /*all=*/true));
  ASSERT_OK_AND_ASSIGN(const Ext4Inspector fs, Pull(SpecFor("banger/multi:v1")));
  EXPECT_THAT(fs.ReadFile("/which"), IsOkAndHolds("amd64"));
  PullSpec arm = SpecFor("banger/multi:v1");
  arm.platform = "linux/arm64";
  EXPECT_EQ(Reason(arm), "REQUEST_INVALID");
  PullSpec digest = SpecFor("banger/multi@sha256:" + std::string(64, '0'));
  EXPECT_EQ(Reason(digest), "REMOTE_IMAGE_NOT_FOUND");
}

TEST_F(RegistryTest, WhatIsNotThereIsSaidToBeNotThere) {
  Start({});
  EXPECT_EQ(Reason(SpecFor("banger/none:v1")), "REMOTE_IMAGE_NOT_FOUND");
}

TEST_F(RegistryTest, APrivateRegistryWantsItsCertificateAndALogin) {
  Start({.auth = DockerRegistry::Auth::kBasic, .tls = true});
  std::vector<std::string> texts;
  for (int i = 0; i < 12; ++i) texts.push_back(std::string(200000, static_cast<char>('a' + i)));
  ASSERT_OK(registry_->Push(LayoutOf(texts).Build(), "banger/b:v1"));
  const PullSpec spec = SpecFor("banger/b:v1");
  EXPECT_EQ(Reason(spec), "REGISTRY_LOGIN_NEEDED");
  EXPECT_EQ(Reason(WithLogin(spec, "wr0ng")), "REGISTRY_LOGIN_NEEDED");
  ASSERT_OK_AND_ASSIGN(const Ext4Inspector fs, Pull(WithLogin(spec)));
  EXPECT_THAT(fs.ReadFile("/last"), IsOkAndHolds(texts.back()));

  registries_.clear();
  const absl::Status status = Pull(WithLogin(spec)).status();
  EXPECT_EQ(ErrorReason(status), "SOURCE_UNREACHABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("certificate"));
  PullSpec insecure = WithLogin(spec);
  insecure.insecure = true;
  EXPECT_OK(Pull(insecure));
}

TEST_F(RegistryTest, TokensAreFetchedWhereTheRegistrySays) {
  Start({.auth = DockerRegistry::Auth::kToken});
  ASSERT_OK(registry_->Push(LayoutOf({"a", "b"}).Build(), "banger/t:v1"));
  const PullSpec spec = SpecFor("banger/t:v1");
  EXPECT_OK(Pull(spec));
  EXPECT_OK(Pull(WithLogin(spec)));
  EXPECT_EQ(Reason(WithLogin(spec, "wr0ng")), "REGISTRY_LOGIN_NEEDED");
}

// A byte in the middle, the first one, the second half.
TEST_F(RegistryTest, LayersThatTheCachesDiskHasDamagedAreFetchedAnew) {
  Start({});
  std::string plain(300000, 'p');
  OciLayout layout = LayoutOf({"packed", std::string(300000, 'x')});
  TarBuilder tar;
  layout.Layer(tar.File("plain", plain));
  ASSERT_OK(registry_->Push(layout.Build(), "banger/rot:v1"));
  ASSERT_OK(Pull(SpecFor("banger/rot:v1")));
  const std::map<std::string, std::string> sound = CachedBlobs();
  ASSERT_EQ(sound.size(), 3u);
  const auto flip = [](std::string bytes, std::size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return bytes;
  };
  for (const auto& damage : std::vector<std::function<std::string(const std::string&)>>{
           [&](const std::string& bytes) { return flip(bytes, bytes.size() / 2); },
           [&](const std::string& bytes) { return flip(bytes, 0); },
           [&](const std::string& bytes) { return bytes.substr(0, bytes.size() / 2); }}) {
    for (const auto& [name, bytes] : sound) ASSERT_OK(WriteFileAtomically(BlobPath(name), damage(bytes)));
    ASSERT_OK_AND_ASSIGN(const Ext4Inspector fs, Pull(SpecFor("banger/rot:v1")));
    EXPECT_THAT(fs.ReadFile("/plain"), IsOkAndHolds(plain));
    EXPECT_THAT(fs.ReadFile("/file0"), IsOkAndHolds("packed"));
    EXPECT_TRUE(CachedBlobs() == sound);
  }
}

TEST_F(RegistryTest, ManyLayersComeOverFewConnections) {
  std::vector<std::string> texts;
  for (int i = 0; i < 12; ++i) texts.push_back(std::string(200000, static_cast<char>('a' + i)));
  const std::string layout = LayoutOf(texts).Build();
  for (const bool tls : {true, false}) {
    Start({.tls = tls});
    ASSERT_OK(registry_->Push(layout, "banger/c:v1"));
    TcpRelay relay(registry_->port());
    registries_ = {{.host = relay.host(), .ca = tls ? registry_->ca().string() : ""}};
    ASSERT_OK_AND_ASSIGN(cache_, BlobCache::Open(directory_.path() / absl::StrCat(tls), 1 << 30));
    ASSERT_OK(Pull({.reference = relay.host() + "/banger/c:v1", .id = "x"}));
    // With TLS the registry speaks HTTP/2. Without: whether it speaks TLS is one
    // connection more, and four transfers at once.
    EXPECT_LE(relay.accepted(), tls ? 1 : 6);
  }
}

TEST_F(RegistryTest, AMirrorStandsInForARegistryThatIsGone) {
  Start({});
  ASSERT_OK(registry_->Push(LayoutOf({"a"}).Build(), "banger/m:v1"));
  registries_ = {{.host = "localhost:1", .mirrors = {registry_->host()}}};
  PullSpec spec{.reference = "localhost:1/banger/m:v1", .id = "x"};
  EXPECT_OK(Pull(spec));
  registries_.clear();
  EXPECT_EQ(Reason(spec), "SOURCE_UNREACHABLE");
}

}  // namespace
}  // namespace banger::imaged
