// Kills netd at every step of every operation and starts it again: ledger and
// host must agree, and the operation must succeed when it is repeated.
#include <functional>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "services/netd/core/network.h"
#include "services/netd/testing/fake_host.h"

namespace banger::netd {
namespace {

using ::testing::IsEmpty;

constexpr uid_t kUser = 1000;

// A crash is a fault in every call from one on: nothing more reaches host or
// ledger, whatever the code tries as an undo.
struct World {
  FakeLinkHost host;
  FakeLedger ledger;

  std::unique_ptr<Network> Start() {
    Reconciliation done;
    auto network = Network::Start(*Subnet::Create(*Ipv4::Parse("172.30.0.1"), 24), host, ledger, &done);
    EXPECT_THAT(network, IsOk());
    EXPECT_THAT(done.failures, IsEmpty());
    return network.ok() ? *std::move(network) : nullptr;
  }

  void CheckAgreement() {
    for (const auto& [id, row] : ledger.rows)
      EXPECT_TRUE(row.tap.empty() || host.taps.count(row.tap) == 1) << id << " has lost its tap";
    for (const auto& [name, tap] : host.taps) {
      const auto row = ledger.rows.find(tap.endpoint_id);
      ASSERT_NE(row, ledger.rows.end()) << name << " is an orphan";
      EXPECT_EQ(row->second.tap, name);
    }
  }
};

using Step = std::function<absl::Status(Network&)>;

struct Operation {
  std::string name;
  Step before;
  Step run;
};

class NetworkCrashTest : public ::testing::TestWithParam<Operation> {};

absl::Status CreateVm(Network& network) { return network.Create(kUser, "vm").status(); }
absl::Status AttachVm(Network& network) {
  const absl::Status created = CreateVm(network);
  return created.ok() ? network.Attach(kUser, "vm").status() : created;
}

void CrashAfter(int host_calls, int ledger_calls, const Operation& operation) {
  SCOPED_TRACE(
      absl::StrCat(operation.name, " after ", host_calls, " host and ", ledger_calls, " ledger calls"));
  World world;
  {
    const std::unique_ptr<Network> network = world.Start();
    ASSERT_OK(operation.before(*network));
    world.host.faults.FailFrom(host_calls);
    world.ledger.faults.FailFrom(ledger_calls);
    operation.run(*network).IgnoreError();
  }
  world.host.faults.Stop();
  world.ledger.faults.Stop();
  const std::unique_ptr<Network> network = world.Start();
  ASSERT_NE(network, nullptr);
  world.CheckAgreement();
  EXPECT_OK(operation.run(*network));
  world.CheckAgreement();
  EXPECT_OK(network->Delete(kUser, "vm"));
  EXPECT_THAT(world.host.taps, IsEmpty());
  EXPECT_OK(network->Stop());
  EXPECT_FALSE(world.host.has_bridge);
}

TEST_P(NetworkCrashTest, LeavesNothingThatTheNextStartDoesNotPutRight) {
  for (int host_calls = 0; host_calls <= 3; ++host_calls)
    for (int ledger_calls = 0; ledger_calls <= 3; ++ledger_calls)
      CrashAfter(host_calls, ledger_calls, GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Operations, NetworkCrashTest,
    ::testing::Values(
        Operation{"Create", [](Network&) { return absl::OkStatus(); }, CreateVm},
        Operation{"Attach", CreateVm, [](Network& network) { return network.Attach(kUser, "vm").status(); }},
        Operation{"AttachAgain", AttachVm,
                  [](Network& network) { return network.Attach(kUser, "vm").status(); }},
        Operation{"Detach", AttachVm, [](Network& network) { return network.Detach(kUser, "vm"); }},
        Operation{"Delete", AttachVm, [](Network& network) { return network.Delete(kUser, "vm"); }}),
    [](const ::testing::TestParamInfo<Operation>& test) { return test.param.name; });

}  // namespace
}  // namespace banger::netd
