// docs/config.md against the keys that banger knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::docs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Source(const std::string& path) {
  const auto text = ReadFile(absl::StrCat(BANGER_SOURCE_DIR, "/", path));
  EXPECT_OK(text);
  return text.value_or("");
}

// "network.bridge": the first cell of each row.
std::multiset<std::string> DocumentedKeys() {
  static const std::regex row(R"(\n\| `([a-z0-9_.]+)` \|)");
  const std::string page = Source("docs/config.md");
  std::multiset<std::string> keys;
  for (std::sregex_iterator found(page.begin(), page.end(), row), end; found != end; ++found)
    keys.insert((*found)[1]);
  return keys;
}

std::string LastPart(const std::string& key) { return key.substr(key.rfind('.') + 1); }

TEST(ConfigPageTest, ItsKeysAreKnown) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::set<std::string> lists = {"kernel_catalogs", "image_catalogs", "registries", "file_sync"};
  const std::multiset<std::string> keys = DocumentedKeys();
  ASSERT_GT(keys.size(), 30u);
  for (const std::string& key : keys) {
    EXPECT_EQ(keys.count(key), 1u) << key;
    const std::size_t dot = key.find('.');
    const std::string table = dot == std::string::npos ? "" : key.substr(0, dot);
    std::string text = absl::StrCat(LastPart(key), " = 0.5\n");  // of no key's type
    if (lists.contains(table)) {
      text = absl::StrCat("[[", table, "]]\n", text);
    } else if (!table.empty()) {
      text = absl::StrCat("[", table, "]\n", text);
    }
    ASSERT_OK(WriteFileAtomically(dir.path() / "config.toml", text));
    EXPECT_THAT(std::string(LoadConfig({dir.path() / "config.toml"}).status().message()),
                Not(HasSubstr("is not a key that banger knows")))
        << key;
  }
}

// Each key is written once in config.cc, where its value is read; those of catalogs
// serve two lists.
TEST(ConfigPageTest, ItHasAllThatAreKnown) {
  static const std::regex entry(
      R"re(\{"([a-z0-9_]+)",\s*(Into(Table|Registries|Catalogs|FileSync)?[A-Za-z]*|From)[(])re");
  const std::string source = Source("common/config/config.cc");
  std::multiset<std::string> known;
  for (std::sregex_iterator found(source.begin(), source.end(), entry), end; found != end; ++found) {
    if ((*found)[3].matched) continue;  // a table
    const std::string key = (*found)[1];
    known.insert(key);
    if (key == "url" || key == "public_key") known.insert(key);
  }
  std::multiset<std::string> documented;
  for (const std::string& key : DocumentedKeys()) documented.insert(LastPart(key));
  EXPECT_EQ(documented, known);
}

}  // namespace
}  // namespace banger::docs
