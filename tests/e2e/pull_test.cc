// A kernel from the distribution's own archive: the one test that needs a network.
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PullTest, AKernelIsPulledFromTheDistribution) {
  ASSERT_OK_AND_ASSIGN(const Instance instance, Instance::Start({.netd = false, .own_network = false}));
  const CommandResult pulled = instance.Banger({"kernel", "pull", "debian-6.1"});
  ASSERT_EQ(pulled.status.code, 0) << pulled.err;
  EXPECT_THAT(instance.Banger({"kernel", "list"}).out, HasSubstr("debian-6.1"));
  EXPECT_THAT(instance.Banger({"kernel", "show", "debian-6.1"}).out, HasSubstr("\"apt:linux-image-"));
  EXPECT_EQ(instance.Banger({"kernel", "pull", "debian-6.1"}).status.code, 1) << "it exists";
  EXPECT_EQ(instance.Banger({"vm", "run", "--rm", "--image", "mini", "--", "true"}).status.code, 0);
  EXPECT_EQ(instance.Banger({"kernel", "rm", "debian-6.1"}).status.code, 0);
  EXPECT_THAT(instance.Banger({"kernel", "list"}).out, Not(HasSubstr("debian-6.1")));
}

}  // namespace
}  // namespace banger::e2e
