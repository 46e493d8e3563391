#include "services/vmd/vm_metrics.h"

#include <map>

#include "services/vmd/testing/service_fixture.h"

namespace banger::vmd {
namespace {

class VmMetricsTest : public ServiceFixture {
 protected:
  std::map<std::string, double> VmsByState() {
    prometheus::Registry registry;
    AddVmMetrics(*vms_, registry);
    std::map<std::string, double> counts;
    for (const prometheus::MetricFamily& family : registry.Collect()) {
      EXPECT_EQ(family.name, "banger_vms");
      for (const prometheus::ClientMetric& metric : family.metric)
        counts[metric.label.at(0).value] = metric.gauge.value;
    }
    return counts;
  }
};

TEST_F(VmMetricsTest, EveryStateIsThereAlsoWithoutVms) {
  EXPECT_EQ(VmsByState(), (std::map<std::string, double>{{"created", 0},
                                                         {"starting", 0},
                                                         {"running", 0},
                                                         {"stopping", 0},
                                                         {"stopped", 0},
                                                         {"error", 0},
                                                         {"paused", 0}}));
}

TEST_F(VmMetricsTest, VmsMoveFromStateToState) {
  CreateVm("one");
  CreateVm("two");
  EXPECT_EQ(VmsByState()["running"], 2);
  ASSERT_OK(vms_->Stop("one", std::chrono::seconds(5), {}));
  EXPECT_EQ(VmsByState()["running"], 1);
  EXPECT_EQ(VmsByState()["stopped"], 1);
  ASSERT_OK(vms_->Delete("one", false, {}));
  EXPECT_EQ(VmsByState()["stopped"], 0);
}

TEST_F(VmMetricsTest, AStoreThatCannotTellIsNoZero) {
  world_.host.FailAt("CountByState", absl::InternalError("no disk"));
  EXPECT_TRUE(VmsByState().empty());
}

}  // namespace
}  // namespace banger::vmd
