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
  FakeHost all;
  FakeLinkHost& host = all.links;
  FakeLedger& ledger = all.ledger;

  std::unique_ptr<Network> Start() {
    Reconciliation done;
    auto network =
        Network::Start("br-banger", *Subnet::Create(*Ipv4::Parse("172.30.0.1"), 24), all.AsHost(), &done);
    EXPECT_THAT(network, IsOk());
    EXPECT_THAT(done.failures, IsEmpty());
    return network.ok() ? *std::move(network) : nullptr;
  }

  void CheckAgreement() {
    for (const auto& [id, row] : ledger.records.endpoints)
      EXPECT_TRUE(row.tap.empty() || host.taps.count(row.tap) == 1) << id << " has lost its tap";
    for (const auto& [name, tap] : host.taps) {
      const auto row = ledger.records.endpoints.find(tap.endpoint_id);
      ASSERT_NE(row, ledger.records.endpoints.end()) << name << " is an orphan";
      EXPECT_EQ(row->second.tap, name);
    }
    const std::size_t guests = all.firewall.applied.has_value() ? all.firewall.applied->guests.size() : 0;
    EXPECT_EQ(guests, host.taps.size());
    EXPECT_EQ(all.router.forwarding, ledger.records.forwarding);
  }
};

using Step = std::function<absl::Status(Network&)>;

struct Operation {
  std::string name;
  Step before;
  Step run;
};

class NetworkCrashTest : public ::testing::TestWithParam<Operation> {};

// With NAT, so that there are rules and forwarding to leave behind.
absl::Status CreateVm(Network& network) {
  const absl::Status created = network.Create(kUser, "vm").status();
  return created.ok() ? network.SetPolicy(kUser, "vm", {.nat = true}).status() : created;
}
absl::Status AttachVm(Network& network) {
  const absl::Status created = CreateVm(network);
  return created.ok() ? network.Attach(kUser, "vm").status() : created;
}

void CrashAfter(int host_calls, int rule_calls, int ledger_calls, const Operation& operation) {
  SCOPED_TRACE(absl::StrCat(operation.name, " after ", host_calls, " host, ", rule_calls, " rule and ",
                            ledger_calls, " ledger calls"));
  World world;
  {
    const std::unique_ptr<Network> network = world.Start();
    ASSERT_OK(operation.before(*network));
    world.host.faults.FailFrom(host_calls);
    world.all.firewall.faults.FailFrom(rule_calls);
    world.all.router.faults.FailFrom(rule_calls);
    world.ledger.faults.FailFrom(ledger_calls);
    operation.run(*network).IgnoreError();
  }
  world.host.faults.Stop();
  world.all.firewall.faults.Stop();
  world.all.router.faults.Stop();
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
    for (int rule_calls = 0; rule_calls <= 3; ++rule_calls)
      for (int ledger_calls = 0; ledger_calls <= 5; ++ledger_calls)
        CrashAfter(host_calls, rule_calls, ledger_calls, GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Operations, NetworkCrashTest,
    ::testing::Values(
        Operation{"Create", [](Network&) { return absl::OkStatus(); }, CreateVm},
        Operation{"Attach", CreateVm, [](Network& network) { return network.Attach(kUser, "vm").status(); }},
        Operation{"AttachAgain", AttachVm,
                  [](Network& network) { return network.Attach(kUser, "vm").status(); }},
        Operation{"SetPolicy", AttachVm,
                  [](Network& network) { return network.SetPolicy(kUser, "vm", {}).status(); }},
        Operation{"Detach", AttachVm, [](Network& network) { return network.Detach(kUser, "vm"); }},
        Operation{"Delete", AttachVm, [](Network& network) { return network.Delete(kUser, "vm"); }}),
    [](const ::testing::TestParamInfo<Operation>& test) { return test.param.name; });

}  // namespace
}  // namespace banger::netd
