#include "common/oci/platform.h"

#include "common/testing/status_matchers.h"

namespace banger::oci {
namespace {

using ::testing::HasSubstr;

std::optional<int> FitOf(const std::string& wanted, const std::string& offered) {
  return Fit(*ParsePlatform(wanted), *ParsePlatform(offered));
}

TEST(PlatformTest, IsTwoOrThreeWords) {
  for (const char* text : {"linux/amd64", "linux/arm/v7", "windows/386"}) {
    const auto platform = ParsePlatform(text);
    ASSERT_OK(platform);
    EXPECT_EQ(platform->ToString(), text);
  }
  for (const char* wrong : {"", "amd64", "linux/", "/amd64", "linux/arm/v7/x", "Linux/amd64", "linux/a b"})
    EXPECT_THAT(ParsePlatform(wrong), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(wrong)));
}

TEST(PlatformTest, MachinesHaveOtherNames) {
  EXPECT_EQ(PlatformOf("aarch64").ToString(), "linux/arm64");
  EXPECT_EQ(PlatformOf("armv7l").ToString(), "linux/arm/v7");
  EXPECT_EQ(PlatformOf("riscv64").ToString(), "linux/riscv64");
  EXPECT_EQ(PlatformOf("x86_64").architecture, "amd64");
  EXPECT_EQ(MachineOf("amd64"), "x86_64");
  EXPECT_EQ(MachineOf("arm"), "armv7l");
  EXPECT_EQ(MachineOf("s390x"), "s390x");
}

TEST(PlatformTest, TheBestVariantThatRunsFitsBest) {
  EXPECT_GT(FitOf("linux/amd64/v3", "linux/amd64/v2"), FitOf("linux/amd64/v3", "linux/amd64"));
  EXPECT_GT(FitOf("linux/amd64/v3", "linux/amd64/v3"), FitOf("linux/amd64/v3", "linux/amd64/v2"));
  EXPECT_GT(FitOf("linux/arm/v7", "linux/arm"), FitOf("linux/arm/v7", "linux/arm/v6"));
  EXPECT_GT(FitOf("linux/arm/v6", "linux/arm/v6"), FitOf("linux/arm/v6", "linux/arm/v5"));
  EXPECT_TRUE(FitOf("linux/arm64", "linux/arm64/v8"));
  EXPECT_TRUE(FitOf("linux/amd64", "linux/amd64/v1"));
}

TEST(PlatformTest, WhatDoesNotRunDoesNotFit) {
  EXPECT_FALSE(FitOf("linux/amd64", "linux/arm64"));
  EXPECT_FALSE(FitOf("linux/amd64", "windows/amd64"));
  EXPECT_FALSE(FitOf("linux/amd64", "linux/amd64/v2"));
  EXPECT_FALSE(FitOf("linux/amd64/v2", "linux/amd64/v3"));
  EXPECT_FALSE(FitOf("linux/arm/v6", "linux/arm"));
  EXPECT_FALSE(FitOf("linux/amd64/v3", "linux/amd64/hot"));
  EXPECT_FALSE(FitOf("linux/amd64/v3", "linux/amd64/v-1"));
}

}  // namespace
}  // namespace banger::oci
