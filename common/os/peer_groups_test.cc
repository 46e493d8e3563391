#include "common/os/peer_groups.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>

#include "common/os/unique_fd.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(PeerGroupsTest, TheKernelTellsThoseOfTheProcessThatConnected) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd a(ends[0]), b(ends[1]);
  std::vector<gid_t> own(static_cast<std::size_t>(::getgroups(0, nullptr)));
  ASSERT_GE(::getgroups(static_cast<int>(own.size()), own.data()), 0);
  EXPECT_THAT(GetPeerGroups(a.get()), IsOkAndHolds(::testing::UnorderedElementsAreArray(own)));
}

TEST(PeerGroupsTest, ThereMayBeManyOfThem) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root chooses its groups";
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<gid_t> many(500);
    std::iota(many.begin(), many.end(), 10000);
    int ends[2];
    if (::setgroups(many.size(), many.data()) != 0 || ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
      ::_exit(1);
    const auto groups = GetPeerGroups(ends[0]);
    ::_exit(groups.ok() && *groups == many ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace banger
