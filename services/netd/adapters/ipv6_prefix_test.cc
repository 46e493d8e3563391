#include "services/netd/adapters/ipv6_prefix.h"

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::netd {
namespace {

using ::testing::Ne;

class Ipv6PrefixTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create()); }

  std::string Choice(const std::string& bridge = "br-banger") {
    const absl::StatusOr<Prefix> prefix = ChooseIpv6Prefix(bridge, machine_id(), seed());
    EXPECT_OK(prefix);
    return prefix.ok() ? prefix->ToString() : "";
  }
  std::filesystem::path machine_id() const { return directory_.path() / "machine-id"; }
  std::filesystem::path seed() const { return directory_.path() / "ipv6-seed"; }

  TempDir directory_;
};

TEST_F(Ipv6PrefixTest, FollowsFromTheHostAndTheBridge) {
  ASSERT_OK(WriteFileAtomically(machine_id(), "0123456789abcdef0123456789abcdef\n"));
  EXPECT_EQ(Choice(), "fd59:5d20:ad95::/64");
  EXPECT_EQ(Choice(), "fd59:5d20:ad95::/64");
  EXPECT_THAT(Choice("br-other"), Ne(Choice()));
  EXPECT_FALSE(std::filesystem::exists(seed()));
  ASSERT_OK(WriteFileAtomically(machine_id(), "1123456789abcdef0123456789abcdef\n"));
  EXPECT_THAT(Choice(), Ne("fd59:5d20:ad95::/64"));
}

TEST_F(Ipv6PrefixTest, IsRandomAndKeptOnAHostWithoutAMachineId) {
  const std::string first = Choice();
  EXPECT_EQ(Choice(), first);
  ASSERT_OK(WriteFileAtomically(machine_id(), "uninitialized\n"));
  EXPECT_EQ(Choice(), first);
  std::filesystem::remove(seed());
  EXPECT_THAT(Choice(), Ne(first));
}

}  // namespace
}  // namespace banger::netd
