#include "services/agent/core/families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger::agent {
namespace {

using ::testing::Contains;
using ::testing::IsSubsetOf;
using ::testing::Not;

std::string FamilyOf(const std::string& os_release) {
  const Family* family = FindFamily(ParseOsRelease(os_release));
  return family == nullptr ? "" : family->name;
}

TEST(FamiliesTest, DistributionsAreKnownByTheirIdOrWhatTheyAreLike) {
  EXPECT_EQ(FamilyOf("ID=debian\n"), "debian");
  EXPECT_EQ(FamilyOf("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), "debian");
  EXPECT_EQ(FamilyOf("ID=alpine\n"), "alpine");
  EXPECT_EQ(FamilyOf("ID=postmarketos\nID_LIKE=\"alpine\"\n"), "alpine");
  EXPECT_EQ(FamilyOf("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), "fedora");
  EXPECT_EQ(FamilyOf("ID=manjaro\nID_LIKE=arch\n"), "arch");
  EXPECT_EQ(FamilyOf("ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n"), "opensuse");
}

TEST(FamiliesTest, TheNearestRelativeCountsAndStrangersAreStrangers) {
  EXPECT_EQ(FamilyOf("ID=debian\nID_LIKE=arch\n"), "debian");
  EXPECT_EQ(FamilyOf("ID=foo\nID_LIKE=\"bar arch debian\"\n"), "arch");
  EXPECT_EQ(FamilyOf("ID=foo\n"), "");
  EXPECT_EQ(FamilyOf(""), "");
}

TEST(FamiliesTest, AStrangerGetsTheMasksOfAll) {
  const std::vector<std::string> all = MaskedUnits(nullptr);
  for (const Family& family : Families()) EXPECT_THAT(MaskedUnits(&family), IsSubsetOf(all)) << family.name;
  EXPECT_THAT(all, Contains("wicked.service"));
  EXPECT_THAT(all, Contains("networking.service"));
}

TEST(FamiliesTest, EachMasksWhatWaitsInVainAndOnlyItsOwnNetwork) {
  for (const Family& family : Families()) {
    EXPECT_THAT(MaskedUnits(&family), Contains("serial-getty@ttyS0.service")) << family.name;
    EXPECT_THAT(MaskedUnits(&family), Contains("systemd-networkd-wait-online.service")) << family.name;
  }
  const Family* arch = FindFamily({.id = "arch"});
  EXPECT_THAT(MaskedUnits(arch), Contains("netctl.service"));
  EXPECT_THAT(MaskedUnits(arch), Not(Contains("networking.service")));
}

TEST(FamiliesTest, EveryUnitHasAName) {
  for (const std::string& unit : MaskedUnits(nullptr)) {
    EXPECT_NE(unit.find('.'), std::string::npos) << unit;
    EXPECT_EQ(unit.find('/'), std::string::npos) << unit;
  }
}

}  // namespace
}  // namespace banger::agent
