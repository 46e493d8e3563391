#include "services/imaged/adapters/catalog_json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/embedded_catalog.h"

namespace banger::imaged {
namespace {

using ::testing::HasSubstr;

Json Entry() {
  return {{"name", "debian-golden"},
          {"distro", "debian"},
          {"release", "12"},
          {"arch", "x86_64"},
          {"bundle_url", "https://images.example/debian-golden-ab.tar.zst"},
          {"bundle_sha256", std::string(64, 'a')},
          {"size_bytes", 12345},
          {"kernel", "generic-6.12"},
          {"description", "built by us"}};
}

absl::StatusOr<catalog::Catalog<CatalogEntry>> Parse(const std::string& text) {
  return catalog::ParseCatalog(text, "here", ParseCatalogEntry);
}

absl::Status ParseOne(const Json& entry) {
  return Parse(Json{{"version", 3}, {"entries", {entry}}}.dump()).status();
}

TEST(CatalogJsonTest, TheEmbeddedOneIsSoundSortedAndHasTheDefaultImage) {
  ASSERT_OK_AND_ASSIGN(const auto catalog, Parse(kEmbeddedCatalog));
  EXPECT_GE(catalog.version, 1);
  const auto by_id = [](const CatalogEntry& a, const CatalogEntry& b) { return a.id < b.id; };
  EXPECT_TRUE(std::is_sorted(catalog.entries.begin(), catalog.entries.end(), by_id));
  const auto found = std::find_if(catalog.entries.begin(), catalog.entries.end(),
                                  [](const CatalogEntry& entry) { return entry.id == "debian-bookworm"; });
  ASSERT_NE(found, catalog.entries.end());
  EXPECT_TRUE(!found->bundle_url.empty() || found->oci_reference == "docker.io/library/debian:bookworm");
  // The schema's fields and no others.
  const Json document = Json::parse(kEmbeddedCatalog);
  for (const Json& entry : document.at("entries"))
    for (const auto& [key, value] : entry.items())
      EXPECT_TRUE(key == "oci_reference" || Entry().contains(key)) << key;
}

TEST(CatalogJsonTest, EveryFieldIsRead) {
  ASSERT_OK_AND_ASSIGN(const CatalogEntry entry, ParseCatalogEntry(Json::parse(Entry().dump()), "here"));
  EXPECT_EQ(entry.id, "debian-golden");
  EXPECT_EQ(entry.distro, "debian");
  EXPECT_EQ(entry.release, "12");
  EXPECT_EQ(entry.arch, "x86_64");
  EXPECT_EQ(entry.bundle_url, "https://images.example/debian-golden-ab.tar.zst");
  EXPECT_EQ(entry.bundle_sha256, std::string(64, 'a'));
  EXPECT_EQ(entry.size_bytes, 12345);
  EXPECT_EQ(entry.kernel, "generic-6.12");
  EXPECT_EQ(entry.description, "built by us");
  EXPECT_EQ(entry.catalog, "here");
}

TEST(CatalogJsonTest, AWrongFieldIsNamedWithItsEntry) {
  const std::vector<std::pair<const char*, Json>> wrong = {{"name", "../x"},
                                                           {"name", 3},
                                                           {"arch", ""},
                                                           {"bundle_url", "file:///etc/passwd"},
                                                           {"bundle_url", ""},
                                                           {"bundle_sha256", "abc"},
                                                           {"size_bytes", 0},
                                                           {"size_bytes", 1e30},
                                                           {"oci_reference", "both:1"},
                                                           {"description", "a\nb"},
                                                           {"kernel", std::string(2000, 'd')}};
  for (const auto& [key, value] : wrong) {
    Json entry = Entry();
    entry[key] = value;
    EXPECT_THAT(ParseOne(entry), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("entry '")))
        << key << value;
  }
  EXPECT_THAT(ParseOne({{"name", "k"}, {"arch", "x86_64"}, {"oci_reference", "UPPER CASE"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("oci_reference")));
}

}  // namespace
}  // namespace banger::imaged
