// Many at once.
#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;

class ConcurrencyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto instance = Instance::Start({.config = "[vm_defaults]\nvcpu = 1\nmemory_mib = 256\n"});
    ASSERT_OK(instance);
    instance_.emplace(*std::move(instance));
    ASSERT_OK(instance_->ImportKernel());
    ASSERT_OK(instance_->WarmUp());
    before_ = instance_->Snapshot();
  }

  std::optional<Instance> instance_;
  HostSnapshot before_;
};

TEST_F(ConcurrencyTest, TenVmsAreMadeAndDeletedAtOnce) {
  constexpr int kVms = 10;
  std::vector<int> codes(kVms, -1);
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < kVms; ++i)
      callers.emplace_back([this, i, &codes] {
        codes[i] = instance_->Banger({"vm", "create", "--name", absl::StrCat("box", i), "--image", "mini"})
                       .status.code;
      });
  }
  EXPECT_EQ(codes, std::vector<int>(kVms, 0));
  std::vector<std::string> remove = {"vm", "delete", "--force"};
  for (int i = 0; i < kVms; ++i) {
    const std::string name = absl::StrCat("box", i);
    EXPECT_EQ(instance_->Banger({"vm", "exec", name, "--", "hostname"}).out, name + "\n");
    remove.push_back(name);
  }
  EXPECT_EQ(instance_->Banger(remove).status.code, 0);
  EXPECT_EQ(instance_->Banger({"vm", "list", "-a", "-q"}).out, "");
  EXPECT_EQ(Changes(before_, instance_->Snapshot()), "");
}

TEST_F(ConcurrencyTest, TheSameNameTwiceAtOnceGivesOneVm) {
  std::vector<CommandResult> results(2);
  {
    std::vector<std::jthread> callers;
    for (CommandResult& result : results)
      callers.emplace_back([this, &result] {
        result = instance_->Banger({"vm", "create", "--name", "box", "--image", "mini"});
      });
  }
  const bool first_won = results[0].status.success();
  EXPECT_NE(first_won, results[1].status.success());
  EXPECT_THAT(results[first_won ? 1 : 0].err, HasSubstr("VM_EXISTS"));
  const std::string uids = instance_->Banger({"vm", "list", "-a", "-q"}).out;
  EXPECT_EQ(std::count(uids.begin(), uids.end(), '\n'), 1) << uids;
  EXPECT_EQ(instance_->Banger({"vm", "delete", "--force", "box"}).status.code, 0);
  EXPECT_EQ(Changes(before_, instance_->Snapshot()), "");
}

}  // namespace
}  // namespace banger::e2e
