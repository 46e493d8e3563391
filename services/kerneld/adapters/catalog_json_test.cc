#include "services/kerneld/adapters/catalog_json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/testing/status_matchers.h"
#include "services/kerneld/adapters/embedded_catalog.h"

namespace banger::kerneld {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json Entry() {
  return {{"name", "generic-6.12"},
          {"distro", "generic"},
          {"arch", "x86_64"},
          {"kernel_version", "6.12.1"},
          {"tarball_url", "https://kernels.example/generic-6.12-ab.tar.zst"},
          {"tarball_sha256", std::string(64, 'a')},
          {"size_bytes", 12345},
          {"description", "built by us"}};
}

using Catalog = catalog::Catalog<CatalogEntry>;

absl::StatusOr<Catalog> ParseCatalog(const std::string& text, const std::string& origin) {
  return catalog::ParseCatalog(text, origin, ParseCatalogEntry);
}

absl::StatusOr<Catalog> Parse(const json& entry) {
  return ParseCatalog(json{{"version", 3}, {"entries", {entry}}}.dump(), "here");
}

TEST(CatalogJsonTest, TheEmbeddedOneIsSoundSortedAndHasDebiansKernel) {
  ASSERT_OK_AND_ASSIGN(const Catalog catalog, ParseCatalog(kEmbeddedCatalog, "built-in"));
  EXPECT_GE(catalog.version, 1);
  EXPECT_TRUE(std::is_sorted(catalog.entries.begin(), catalog.entries.end(),
                             [](const CatalogEntry& a, const CatalogEntry& b) { return a.id < b.id; }));
  ASSERT_FALSE(catalog.entries.empty());
  EXPECT_EQ(catalog.entries[0].id, "debian-6.1");
  EXPECT_EQ(catalog.entries[0].apt_package, "linux-image-cloud-amd64");
  // The schema's fields and no others.
  const json document = json::parse(kEmbeddedCatalog);
  for (const json& entry : document.at("entries"))
    for (const auto& [key, value] : entry.items())
      EXPECT_TRUE(key == "apt_package" || Entry().contains(key)) << key;
}

TEST(CatalogJsonTest, EveryFieldIsRead) {
  ASSERT_OK_AND_ASSIGN(const Catalog catalog, Parse(Entry()));
  EXPECT_EQ(catalog.version, 3);
  ASSERT_EQ(catalog.entries.size(), 1U);
  const CatalogEntry& entry = catalog.entries[0];
  EXPECT_EQ(entry.id, "generic-6.12");
  EXPECT_EQ(entry.kernel_version, "6.12.1");
  EXPECT_EQ(entry.tarball_url, "https://kernels.example/generic-6.12-ab.tar.zst");
  EXPECT_EQ(entry.tarball_sha256, std::string(64, 'a'));
  EXPECT_EQ(entry.size_bytes, 12345);
  EXPECT_EQ(entry.catalog, "here");
}

TEST(CatalogJsonTest, AnEmptyOneIsFine) {
  EXPECT_OK(ParseCatalog(R"({"version": 1, "entries": [], "comment": "later fields are fine"})", "x"));
}

TEST(CatalogJsonTest, WhatIsNoCatalogIsRefused) {
  for (const char* wrong :
       {"", "[]", "{}", R"({"version": 0, "entries": []})", R"({"version": -1, "entries": []})",
        R"({"version": "1", "entries": []})", R"({"version": 1})", R"({"version": 1, "entries": {}})",
        R"({"version": 1, "entries": [3]})", R"({"version": 1.5, "entries": []})"})
    EXPECT_THAT(ParseCatalog(wrong, "x"), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
  EXPECT_THAT(ParseCatalog(std::string(100'000, '['), "x"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CatalogJsonTest, AWrongFieldIsNamedWithItsEntry) {
  const std::vector<std::pair<const char*, json>> wrong = {{"name", "../x"},
                                                           {"name", 3},
                                                           {"arch", ""},
                                                           {"tarball_url", "file:///etc/passwd"},
                                                           {"tarball_url", ""},
                                                           {"tarball_sha256", "abc"},
                                                           {"tarball_sha256", std::string(64, 'A')},
                                                           {"size_bytes", 0},
                                                           {"size_bytes", -1},
                                                           {"size_bytes", 1e30},
                                                           {"size_bytes", "1"},
                                                           {"apt_package", "both"},
                                                           {"description", "a\nb"},
                                                           {"distro", std::string(2000, 'd')}};
  for (const auto& [key, value] : wrong) {
    json entry = Entry();
    entry[key] = value;
    EXPECT_THAT(Parse(entry), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("entry '")))
        << key << value;
  }
}

TEST(CatalogJsonTest, APackageNameIsNoOptionOfApt) {
  for (const char* name : {"-oDir::Bin::Methods=/tmp", "a b", "Linux", "../x", "x"})
    EXPECT_THAT(Parse({{"name", "k"}, {"arch", "x86_64"}, {"apt_package", name}}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no package's name")))
        << name;
}

TEST(CatalogJsonTest, ANameIsThereOnce) {
  EXPECT_THAT(ParseCatalog(json{{"version", 1}, {"entries", {Entry(), Entry()}}}.dump(), "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'generic-6.12' is there twice")));
}

}  // namespace
}  // namespace banger::kerneld
