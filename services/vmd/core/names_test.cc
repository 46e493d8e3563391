#include "services/vmd/core/names.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace banger::vmd {
namespace {

TEST(VmNameTest, AcceptsDnsLabelsAndNothingElse) {
  for (const char* good : {"a", "box", "b-0-x", "0", "happy-otter"}) EXPECT_TRUE(IsValidVmName(good)) << good;
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a_b", "a b", "../x", "a/b", "b\xc3\xbc"})
    EXPECT_FALSE(IsValidVmName(bad)) << bad;
  EXPECT_TRUE(IsValidVmName(std::string(63, 'a')));
  EXPECT_FALSE(IsValidVmName(std::string(64, 'a')));
  EXPECT_FALSE(IsValidVmName(absl::string_view("a\0b", 3)));
}

TEST(VmNameTest, GeneratedNamesAreValidAndVary) {
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) {
    names.insert(GenerateVmName(i));
    EXPECT_TRUE(IsValidVmName(*names.rbegin())) << *names.rbegin();
  }
  EXPECT_GT(names.size(), 50u);
}

TEST(VmUidTest, IsTwelveHexDigitsAndNeverTheSame) {
  std::set<std::string> uids;
  for (int i = 0; i < 1000; ++i) {
    const std::string uid = GenerateVmUid();
    EXPECT_EQ(uid.size(), 12u);
    EXPECT_EQ(uid.find_first_not_of("0123456789abcdef"), std::string::npos) << uid;
    EXPECT_TRUE(uids.insert(uid).second);
  }
}

}  // namespace
}  // namespace banger::vmd
