// Without root and without netd, everything but the host's network is the same.
#include <grp.h>
#include <unistd.h>

#include <cstdlib>

#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;

class UnprivilegedTest : public ::testing::Test {
 protected:
  // Before the first daemon, for the rest of the program.
  static void SetUpTestSuite() {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && std::getenv("BANGER_E2E_DROP_ROOT") != nullptr) {
      ASSERT_EQ(::setgroups(0, nullptr), 0);
      ASSERT_EQ(::setresgid(kNobody, kNobody, kNobody), 0);
      ASSERT_EQ(::setresuid(kNobody, kNobody, kNobody), 0);
    }
  }
};

TEST_F(UnprivilegedTest, RunWorksAndLeavesNothing) {
  ASSERT_NE(::geteuid(), 0u) << "run it by ctest, or as a user";
  ASSERT_OK_AND_ASSIGN(const Instance instance, Instance::Start());
  EXPECT_THAT(instance.daemons(), ::testing::Not(::testing::Contains("netd")));
  ASSERT_OK(instance.ImportKernel());
  ASSERT_OK(instance.WarmUp());
  ASSERT_OK(instance.ImportImage("minbase"));
  for (const char* image : {"mini", "minbase"}) {
    const HostSnapshot before = instance.Snapshot();
    const CommandResult result = instance.Banger(
        {"vm", "run", "--rm", "--image", image, "--", "sh", "-c", "cat /etc/os-release; id -u; exit 7"});
    EXPECT_EQ(result.status.code, 7) << result.err;
    EXPECT_THAT(result.out, HasSubstr("ID="));
    EXPECT_THAT(result.out, HasSubstr("\n0\n"));
    EXPECT_EQ(Changes(before, instance.Snapshot()), "");
  }
}

}  // namespace
}  // namespace banger::e2e
