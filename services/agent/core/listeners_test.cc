#include "services/agent/core/listeners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ListenersTest, ReadsTheKernelsTables) {
  constexpr char kTcp[] =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 0\n"
      "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0\n"
      "   2: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1235 1 0\n";
  EXPECT_THAT(ParseSocketTable(kTcp, false),
              ElementsAre(Listener{.address = "127.0.0.1", .port = 8080, .inode = 1234},
                          Listener{.address = "0.0.0.0", .port = 22, .inode = 99}));
  constexpr char kUdp[] =
      "  100: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7 2 0 0\n"
      "  101: 0100007F:0035 08080808:0035 01 00000000:00000000 00:00000000 00000000     0        0 8 2 0 0\n";
  EXPECT_THAT(ParseSocketTable(kUdp, true),
              ElementsAre(Listener{.datagrams = true, .address = "127.0.0.53", .port = 53, .inode = 7}));
}

TEST(ListenersTest, WritesIpv6AddressesAsTheyAreWritten) {
  const auto address = [](const std::string& hex) {
    const auto found = ParseSocketTable("0: " + hex + ":0050 0:0 0A 0:0 0:0 0 0 0 1", false);
    return found.empty() ? "" : found[0].address;
  };
  EXPECT_EQ(address("00000000000000000000000000000000"), "::");
  EXPECT_EQ(address("00000000000000000000000001000000"), "::1");
  EXPECT_EQ(address("000080FE000000000000000001000000"), "fe80::1");
  EXPECT_EQ(address("B80D0120010000000000000000000000"), "2001:db8:0:1::");
}

TEST(ListenersTest, LeavesOutWhatCannotBeRead) {
  EXPECT_THAT(ParseSocketTable("", false), IsEmpty());
  EXPECT_THAT(ParseSocketTable("0: zz00007F:1F90 0:0 0A 0 0 0 0 0 1\n0: 0100007F 0:0 0A 0 0 0 0 0 1\n"
                               "0: 0100007F:0000 0:0 0A 0 0 0 0 0 1\n0: 01:1F90 0:0 0A 0 0 0 0 0 1\nx",
                               false),
              IsEmpty());
}

TEST(ListenersTest, SortsByPortAndShowsEachOnce) {
  const Listener web{.address = "::", .port = 80, .inode = 1, .pid = 7};
  Listener again = web;
  again.inode = 2;
  const Listener ssh{.address = "0.0.0.0", .port = 22, .inode = 3};
  EXPECT_THAT(Arrange({web, again, ssh}, 10), ElementsAre(ssh, web));
  EXPECT_THAT(Arrange({web, again, ssh}, 1), ElementsAre(ssh));
}

}  // namespace
}  // namespace banger::agent
