#include "services/kerneld/core/kernel_name.h"

#include <gtest/gtest.h>

#include <string>

namespace banger::kerneld {
namespace {

TEST(KernelNameTest, TakesWhatIsAPlainFileName) {
  for (const char* name : {"debian-6.1", "generic-6.12", "A", "0", "a_b.c-d"})
    EXPECT_TRUE(IsValidKernelName(name));
  EXPECT_TRUE(IsValidKernelName(std::string(64, 'a')));
}

TEST(KernelNameTest, RefusesWhatIsNot) {
  for (const char* name : {"", ".", "..", ".staging", "-x", "_x", "a/b", "a b", "a\n", "caf\xc3\xa9", "../x"})
    EXPECT_FALSE(IsValidKernelName(name)) << name;
  EXPECT_FALSE(IsValidKernelName(std::string(65, 'a')));
  EXPECT_FALSE(IsValidKernelName(absl::string_view("a\0", 2)));
}

TEST(KernelVersionTest, CountsNumbersAsNumbers) {
  EXPECT_TRUE(IsOlderVersion("6.9", "6.10"));
  EXPECT_FALSE(IsOlderVersion("6.10", "6.9"));
  EXPECT_TRUE(IsOlderVersion("6.1.0-9-amd64", "6.1.0-37-amd64"));
  EXPECT_TRUE(IsOlderVersion("6.1", "6.1.1"));
  EXPECT_FALSE(IsOlderVersion("6.1", "6.1"));
  EXPECT_FALSE(IsOlderVersion("6.01", "6.1"));
  EXPECT_TRUE(IsOlderVersion("", "6"));
  EXPECT_TRUE(IsOlderVersion("99999999999999999999998", "99999999999999999999999"));
}

}  // namespace
}  // namespace banger::kerneld
