#include "services/imaged/adapters/oci_image.h"

#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/oci/digest.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::imaged {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

constexpr char kIndex[] = "application/vnd.oci.image.index.v1+json";
constexpr char kManifest[] = "application/vnd.oci.image.manifest.v1+json";
constexpr char kLayer[] = "application/vnd.oci.image.layer.v1.tar+gzip";
const std::string kSomeDigest = "sha256:" + std::string(64, 'a');

// Documents in memory, under whatever digest a test gives them.
class Documents final : public OciDocuments {
 public:
  absl::StatusOr<std::string> Read(const Descriptor& document) override {
    ++reads;
    const auto it = texts.find(document.digest);
    if (it == texts.end()) return absl::NotFoundError(document.digest);
    return it->second;
  }

  Json Add(const std::string& text, const std::string& media_type) {
    const std::string digest = "sha256:" + Sha256Hex(text);
    texts[digest] = text;
    return {{"mediaType", media_type}, {"digest", digest}, {"size", text.size()}};
  }
  Json Add(const Json& document, const std::string& media_type) { return Add(document.dump(), media_type); }

  std::map<std::string, std::string> texts;
  int reads = 0;
};

class OciImageTest : public ::testing::Test {
 protected:
  static Json LayerOf(const std::string& type = kLayer) {
    return {{"mediaType", type}, {"digest", kSomeDigest}, {"size", 100}};
  }

  Json ManifestOf(const std::string& architecture, std::size_t layers = 1) {
    Json config = {{"os", "linux"}, {"architecture", architecture}};
    config["rootfs"]["diff_ids"] = std::vector<std::string>(layers, kSomeDigest);
    const Json descriptor = documents_.Add(config, "application/vnd.oci.image.config.v1+json");
    return {{"schemaVersion", 2}, {"config", descriptor}, {"layers", std::vector<Json>(layers, LayerOf())}};
  }

  Json Entry(const std::string& architecture, const std::string& variant = "") {
    Json entry = documents_.Add(ManifestOf(architecture), kManifest);
    entry["platform"] = {{"os", "linux"}, {"architecture", architecture}};
    if (!variant.empty()) entry["platform"]["variant"] = variant;
    entry["annotations"]["made-for"] = architecture + variant;
    return entry;
  }

  absl::StatusOr<OciImage> Read(const Json& root, const std::string& platform = "linux/amd64") {
    const Descriptor descriptor{root["mediaType"].get<std::string>(), root["digest"].get<std::string>(),
                                root["size"].get<std::int64_t>()};
    return ReadOciImage(documents_, descriptor, *oci::ParsePlatform(platform));
  }
  absl::StatusOr<OciImage> ReadManifest(const Json& manifest) {
    return Read(documents_.Add(manifest, kManifest));
  }

  void ExpectError(const absl::StatusOr<OciImage>& image, const std::string& reason,
                   const std::string& text) {
    EXPECT_EQ(ErrorReason(image.status()), reason) << image.status();
    EXPECT_THAT(std::string(image.status().message()), HasSubstr(text));
  }

  Documents documents_;
};

TEST_F(OciImageTest, AManifestIsAnImageByItself) {
  const Json root = documents_.Add(ManifestOf("amd64", 2), kManifest);
  ASSERT_OK_AND_ASSIGN(const OciImage image, Read(root));
  EXPECT_EQ(image.digest, root["digest"].get<std::string>());
  EXPECT_EQ(image.arch, "x86_64");
  ASSERT_EQ(image.layers.size(), 2u);
  EXPECT_EQ(image.layers[0].blob.size, 100);
}

TEST_F(OciImageTest, AnIndexGivesThePlatformsBestVariant) {
  Json v6 = Entry("arm", "v6");
  Json manifest = ManifestOf("arm");
  manifest["annotations"]["x"] = "v7";
  Json v7 = documents_.Add(manifest, kManifest);
  v7["platform"] = {{"os", "linux"}, {"architecture", "arm"}, {"variant", "v7"}};
  Json attestation = Entry("amd64");
  attestation["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
  const Json inner = documents_.Add(Json{{"manifests", {attestation, Entry("arm64"), v6, v7}}}, kIndex);
  const Json root = documents_.Add(Json{{"manifests", Json::array({inner})}}, kIndex);

  EXPECT_EQ(Read(root, "linux/arm/v7")->digest, v7["digest"].get<std::string>());
  EXPECT_EQ(Read(root, "linux/arm/v6")->digest, v6["digest"].get<std::string>());
  ExpectError(Read(root, "linux/amd64"), "PLATFORM_NOT_FOUND", "linux/arm/v6, linux/arm/v7, linux/arm64");
}

TEST_F(OciImageTest, AManifestForAnotherMachineIsRefusedBeforeItsLayersAreFetched) {
  ExpectError(ReadManifest(ManifestOf("arm64")), "PLATFORM_NOT_FOUND", "there are: linux/arm64");
}

TEST_F(OciImageTest, TheOldFormatIsRefusedByName) {
  const Json schema1 = {{"schemaVersion", 1}, {"fsLayers", Json::array()}};
  ExpectError(Read(documents_.Add(schema1, "application/vnd.docker.distribution.manifest.v1+prettyjws")),
              "ARCHIVE_REFUSED", "schema 1");
  ExpectError(ReadManifest(schema1), "ARCHIVE_REFUSED", "schema 1");
}

TEST_F(OciImageTest, DocumentsThatMeanTwoThingsAreRefused) {
  Json both = ManifestOf("amd64");
  both["manifests"] = Json::array();
  ExpectError(ReadManifest(both), "IMAGE_CORRUPT", "neither an index nor a manifest");
  ExpectError(ReadManifest({{"schemaVersion", 2}}), "IMAGE_CORRUPT", "neither an index nor a manifest");
  Json other = ManifestOf("amd64");
  other["mediaType"] = kIndex;
  ExpectError(ReadManifest(other), "IMAGE_CORRUPT", "not of its media type");
  ExpectError(Read(documents_.Add(ManifestOf("amd64"), kIndex)), "IMAGE_CORRUPT", "not of its media type");
  ExpectError(Read(documents_.Add(std::string("[]"), kManifest)), "IMAGE_CORRUPT", "not a JSON object");
}

TEST_F(OciImageTest, IndexesThatLeadInCirclesEnd) {
  // Only a broken hash could make one; the reader does not rely on that.
  const Json itself = {{"mediaType", kIndex}, {"digest", kSomeDigest}, {"size", 300}};
  documents_.texts[kSomeDigest] = Json{{"manifests", Json::array({itself})}}.dump();
  ExpectError(Read(itself), "IMAGE_CORRUPT", "nested too deeply");
  EXPECT_LE(documents_.reads, 4);
}

TEST_F(OciImageTest, TooManyLayersAndTooLargeDocumentsAreRefused) {
  ASSERT_OK(ReadManifest(ManifestOf("amd64", 1000)));
  ExpectError(ReadManifest(ManifestOf("amd64", 1001)), "ARCHIVE_REFUSED", "1001 layers");
  documents_.reads = 0;
  ExpectError(Read({{"mediaType", kManifest}, {"digest", kSomeDigest}, {"size", kMaxOciDocument + 1}}),
              "IMAGE_CORRUPT", "bytes");
  EXPECT_EQ(documents_.reads, 0);
}

TEST_F(OciImageTest, DescriptorsThatCannotBeAreRefused) {
  for (const Json& size :
       {Json(0), Json(-1), Json("100"), Json(), Json(std::int64_t{1} << 41), Json(1e300)}) {
    Json manifest = ManifestOf("amd64");
    manifest["layers"][0]["size"] = size;
    ExpectError(ReadManifest(manifest), "IMAGE_CORRUPT", "layer 1");
    manifest = ManifestOf("amd64");
    manifest["config"]["size"] = size;
    EXPECT_EQ(ErrorReason(ReadManifest(manifest).status()), "IMAGE_CORRUPT") << size;
  }
  for (const char* digest :
       {"", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../../etc/passwd", "sha512:aa"}) {
    Json manifest = ManifestOf("amd64");
    manifest["layers"][0]["digest"] = digest;
    ExpectError(ReadManifest(manifest), "IMAGE_CORRUPT", "neither sha256 nor sha512");
  }
  Json manifest = ManifestOf("amd64", 2);
  manifest["layers"].erase(1);
  ExpectError(ReadManifest(manifest), "IMAGE_CORRUPT", "1 layers but 2 diff_ids");
  manifest["layers"] = Json::array();
  ExpectError(ReadManifest(manifest), "ARCHIVE_REFUSED", "no layers");
}

TEST_F(OciImageTest, LayersThatAreElsewhereOrEncryptedAreRefused) {
  for (const char* type : {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                           "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "text/html", ""}) {
    Json manifest = ManifestOf("amd64");
    manifest["layers"][0] = LayerOf(type);
    manifest["layers"][0]["urls"] = {"http://127.0.0.1:1/layer"};
    ExpectError(ReadManifest(manifest), "ARCHIVE_REFUSED", absl::StrCat("'", type, "'"));
  }
}

TEST_F(OciImageTest, AHostileConfigGivesTextsAndNothingElse) {
  Json config = {{"os", "linux"}, {"architecture", "amd64"}};
  config["rootfs"]["diff_ids"] = Json::array({kSomeDigest});
  config["config"] = {
      {"Env", {"A=b", 1, Json::object()}}, {"User", Json::array()}, {"Entrypoint", "x"}, {"Cmd", {"-x"}}};
  Json manifest = ManifestOf("amd64");
  manifest["config"] = documents_.Add(config, "application/vnd.oci.image.config.v1+json");
  ASSERT_OK_AND_ASSIGN(const OciImage image, ReadManifest(manifest));
  EXPECT_EQ(image.config.env, std::vector<std::string>{"A=b"});
  EXPECT_EQ(image.config.user, "");
  EXPECT_TRUE(image.config.cmd == std::vector<std::string>{"-x"});
}

}  // namespace
}  // namespace banger::imaged
