#include "services/kerneld/adapters/manifest.h"

#include <gtest/gtest.h>

#include "common/testing/status_matchers.h"

namespace banger::kerneld {
namespace {

using ::testing::HasSubstr;

TEST(ManifestTest, AManifestComesBackAsItWasWritten) {
  const Kernel kernel{.id = "a",
                      .distro = "debian",
                      .arch = "x86_64",
                      .kernel_version = "6.1",
                      .sha256 = "ab",
                      .source = "import:\"odd\" \xff name",
                      .imported_at = std::chrono::system_clock::time_point(std::chrono::seconds(1700000000))};
  const std::string text = FormatManifest(kernel);
  EXPECT_THAT(text, HasSubstr("\"imported_at\": \"2023-11-14T22:13:20+00:00\""));
  ASSERT_OK_AND_ASSIGN(const Kernel parsed, ParseManifest(text, "a"));
  EXPECT_EQ(parsed.imported_at, kernel.imported_at);
  EXPECT_EQ(parsed.kernel_version, "6.1");
  EXPECT_THAT(parsed.source, HasSubstr("\"odd\""));
}

TEST(ManifestTest, MetadataPathsMayNotLeaveTheTree) {
  ASSERT_OK_AND_ASSIGN(
      const SourceMetadata metadata,
      ParseSourceMetadata(R"({"kernel_path": "./boot//k", "modules_dir": "m/", "more": [1]})"));
  EXPECT_EQ(metadata.kernel_path, "boot/k");
  EXPECT_EQ(metadata.modules_dir, "m");
  EXPECT_THAT(ParseSourceMetadata(R"({"kernel_path": "../../etc/shadow"})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("../../etc/shadow")));
  EXPECT_THAT(ParseSourceMetadata(R"({"initrd_path": "/etc/shadow"})"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseSourceMetadata("[]"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ParseSourceMetadata(std::string(100000, '[')), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace banger::kerneld
