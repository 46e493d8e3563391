#include "services/agent/core/image_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ImageSettingsTest, FstabKeepsOnlyWhatNeedsNoDisk) {
  EXPECT_EQ(
      FilterFstab("# comment\nUUID=1 / ext4 defaults 0 1\n  /dev/sr0 /media iso9660\ntmpfs /tmp tmpfs\n"),
      "# comment\n# not here: UUID=1 / ext4 defaults 0 1\n# not here:   /dev/sr0 /media iso9660\n"
      "tmpfs /tmp tmpfs\n");
  EXPECT_EQ(FilterFstab(FilterFstab("LABEL=x /\n")), FilterFstab("LABEL=x /\n"));
  EXPECT_EQ(FilterFstab(""), "");
}

TEST(ImageSettingsTest, ADropInIsUsedOnlyWhereItComesFirst) {
  for (const char* config : {"# x\n\nInclude /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\n",
                             "\tinclude sshd_config.d/*.conf\n", "Include=\"/etc/ssh/sshd_config.d/*\"\n"})
    EXPECT_TRUE(BeginsWithDropIns(config)) << config;
  for (const char* config : {"PermitRootLogin yes\nInclude /etc/ssh/sshd_config.d/*.conf\n",
                             "#Include /etc/ssh/sshd_config.d/*.conf\n", "Include /etc/other/*.conf\n",
                             "Include /etc/ssh/sshd_config.d/50-x.conf\n", ""})
    EXPECT_FALSE(BeginsWithDropIns(config)) << config;
}

TEST(ImageSettingsTest, SshdIsSetInFrontOnce) {
  const std::string once = PrependSshdSettings("PermitRootLogin yes\n");
  EXPECT_THAT(once, StartsWith("# set by banger\nPermitRootLogin prohibit-password\n"));
  EXPECT_THAT(once, HasSubstr("AuthenticationMethods publickey\n"));
  EXPECT_EQ(PrependSshdSettings(once), once);
}

TEST(ImageSettingsTest, HostsNamesTheMachineOnceAndKeepsTheRest) {
  const std::string hosts =
      HostsFile("127.0.0.1 localhost\n127.0.1.1 box old\n10.0.0.1\tdb # main\n", "box", "172.30.0.2");
  EXPECT_THAT(hosts, HasSubstr("172.30.0.2\tbox\n"));
  EXPECT_THAT(hosts, HasSubstr("127.0.1.1\told\n"));
  EXPECT_THAT(hosts, HasSubstr("10.0.0.1\tdb"));
  EXPECT_THAT(hosts, Not(HasSubstr("127.0.1.1\tbox")));
  EXPECT_EQ(HostsFile(hosts, "box", "172.30.0.2"), hosts);
  EXPECT_THAT(HostsFile("", "box", ""), HasSubstr("127.0.1.1\tbox\n"));
}

TEST(ImageSettingsTest, ResolvConfHasALineAServer) {
  EXPECT_EQ(ResolvConf({"1.1.1.1", "fd00::1"}), "# set by banger\nnameserver 1.1.1.1\nnameserver fd00::1\n");
}

}  // namespace
}  // namespace banger::agent
