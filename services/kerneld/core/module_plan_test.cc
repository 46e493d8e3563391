#include "services/kerneld/core/module_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/testing/status_matchers.h"

namespace banger::kerneld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct FakeIndex final : ModuleIndex {
  std::set<std::string> built_in;
  std::map<std::string, std::vector<std::string>> modules;

  bool IsBuiltIn(const std::string& name) override { return built_in.contains(name); }
  bool IsModule(const std::string& name) override { return modules.contains(name); }
  absl::StatusOr<std::vector<std::string>> DependenciesOf(const std::string& name) override {
    return modules.at(name);
  }
};

TEST(ModulePlanTest, LoadsEachModuleOnceAndAfterWhatItNeeds) {
  FakeIndex index;
  index.modules = {{"virtio_ring", {}},
                   {"virtio", {"virtio_ring"}},
                   {"virtio_mmio", {"virtio", "virtio_ring"}},
                   {"virtio_blk", {"virtio", "virtio_ring"}},
                   {"overlay", {}},
                   {"e1000", {}}};
  EXPECT_THAT(PlanModules(index),
              IsOkAndHolds(ElementsAre("virtio_ring", "virtio", "virtio_mmio", "virtio_blk", "overlay")));
}

TEST(ModulePlanTest, BuiltInDriversNeedNoLoading) {
  FakeIndex index;
  index.built_in = {"virtio_blk", "virtio"};
  EXPECT_THAT(PlanModules(index), IsOkAndHolds(IsEmpty()));
  index.modules = {{"virtio_net", {"virtio", "failover"}}, {"failover", {}}};
  EXPECT_THAT(PlanModules(index), IsOkAndHolds(ElementsAre("failover", "virtio_net")));
}

TEST(ModulePlanTest, AModularExt4BringsItsChecksum) {
  FakeIndex index;
  index.built_in = {"virtio_blk"};
  index.modules = {{"ext4", {"jbd2", "mbcache"}}, {"jbd2", {}}, {"mbcache", {}}, {"crc32c_generic", {}}};
  EXPECT_THAT(PlanModules(index), IsOkAndHolds(ElementsAre("crc32c_generic", "jbd2", "mbcache", "ext4")));
}

TEST(ModulePlanTest, NoVirtioBlkIsRefusedByName) {
  FakeIndex index;
  index.modules = {{"virtio_net", {}}};
  EXPECT_THAT(PlanModules(index), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("virtio_blk")));
}

TEST(ModulePlanTest, MissingAndCircularDependenciesAreNamed) {
  FakeIndex index;
  index.modules = {{"virtio_blk", {"virtio"}}};
  EXPECT_THAT(PlanModules(index), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'virtio'")));
  index.modules["virtio"] = {"virtio_blk"};
  EXPECT_THAT(PlanModules(index), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("circle")));
}

TEST(ModulePlanTest, DashesAreUnderscores) { EXPECT_EQ(CanonicalModuleName("virtio-rng"), "virtio_rng"); }

}  // namespace
}  // namespace banger::kerneld
