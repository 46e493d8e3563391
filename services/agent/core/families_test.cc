#include "services/agent/core/families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger::agent {
namespace {

using ::testing::Contains;
using ::testing::IsSubsetOf;
using ::testing::Not;

std::string FamilyOf(const std::string& id, const std::vector<std::string>& id_like = {}) {
  const Family* family = FindFamily(id, id_like);
  return family == nullptr ? "" : family->name;
}

TEST(FamiliesTest, DistributionsAreKnownByTheirIdOrWhatTheyAreLike) {
  EXPECT_EQ(FamilyOf("debian"), "debian");
  EXPECT_EQ(FamilyOf("linuxmint", {"ubuntu", "debian"}), "debian");
  EXPECT_EQ(FamilyOf("alpine"), "alpine");
  EXPECT_EQ(FamilyOf("postmarketos", {"alpine"}), "alpine");
  EXPECT_EQ(FamilyOf("rocky", {"rhel", "centos", "fedora"}), "fedora");
  EXPECT_EQ(FamilyOf("manjaro", {"arch"}), "arch");
  EXPECT_EQ(FamilyOf("opensuse-tumbleweed", {"opensuse", "suse"}), "opensuse");
}

TEST(FamiliesTest, TheNearestRelativeCountsAndStrangersAreStrangers) {
  EXPECT_EQ(FamilyOf("debian", {"arch"}), "debian");
  EXPECT_EQ(FamilyOf("foo", {"bar", "arch", "debian"}), "arch");
  EXPECT_EQ(FamilyOf("foo"), "");
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
  const Family* arch = FindFamily("arch", {});
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
