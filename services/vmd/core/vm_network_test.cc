// Policies and published ports over a VM's life.
#include "common/status/error.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const PublishedPort kWeb{.host_port = 8080, .guest_port = 80};

class VmNetworkTest : public ManagerFixture {
 protected:
  VmView Create(const CreateVm& request) {
    const absl::StatusOr<VmView> view = vms_->Create(request, kQuiet, {});
    EXPECT_OK(view);
    return view.value_or(VmView());
  }
  bool IsOpen(const VmView& view) { return world_.forwards.IsOpen(view.vm.uid, kWeb); }
};

TEST_F(VmNetworkTest, AVmHasAnAddressOfEachFamilyWhereTheNetworkHasIpv6) {
  world_.network.ipv6 = true;
  const VmView view = Create({.name = "box"});
  EXPECT_EQ(view.vm.address, "172.30.0.2");
  EXPECT_EQ(view.vm.ipv6_address, "fd00::ac1e:2");
  EXPECT_EQ(world_.guests.configured.back().ipv6_address, "fd00::ac1e:2/64");
  EXPECT_EQ(world_.guests.configured.back().ipv6_gateway, "fd00::ac1e:1");
  // Off again, it has none from its next start on.
  world_.network.ipv6 = false;
  ASSERT_OK(vms_->Stop("box", std::chrono::seconds(1), {}));
  ASSERT_OK_AND_ASSIGN(const VmView started, vms_->Start("box", kQuiet, {}));
  EXPECT_EQ(started.vm.ipv6_address, "");
  EXPECT_EQ(world_.guests.configured.back().ipv6_address, "");
}

TEST_F(VmNetworkTest, ANewVmMayDoNothingUnlessSaidOtherwise) {
  const VmView plain = Create({.name = "plain"});
  EXPECT_EQ(world_.network.policies.at(plain.vm.uid), NetworkPolicy());
  const NetworkPolicy listed = {
      .nat = true, .egress = EgressMode::kListed, .networks = {"10.0.0.0/8"}, .domains = {"a.example"}};
  const VmView vm = Create({.name = "vm", .policy = listed, .allowed_vms = {"plain"}});
  NetworkPolicy expected = listed;
  expected.peers = {plain.vm.uid};
  EXPECT_EQ(world_.network.policies.at(vm.vm.uid), expected);
  EXPECT_THAT(vm.allowed_vms, ElementsAre("plain"));
}

TEST_F(VmNetworkTest, AChangeIsFeltAtOnceAndStays) {
  const VmView vm = Create({.name = "vm"});
  const VmView other = Create({.name = "other"});
  ASSERT_OK(vms_->Update("vm", {.nat = true, .allow_vms = {"other"}}, {}));
  EXPECT_TRUE(world_.network.policies.at(vm.vm.uid).nat);
  ASSERT_OK(vms_->Stop("vm", std::chrono::seconds(1), {}));
  world_.network.policies.clear();
  ASSERT_OK(vms_->Update("vm", {.egress = UpdateVm::Egress{.mode = EgressMode::kNone}}, {}));
  EXPECT_TRUE(world_.network.policies.empty());  // it does not run
  ASSERT_OK(vms_->Start("vm", kQuiet, {}));
  const NetworkPolicy policy = world_.network.policies.at(vm.vm.uid);
  EXPECT_TRUE(policy.nat);
  EXPECT_EQ(policy.egress, EgressMode::kNone);
  EXPECT_THAT(policy.peers, ElementsAre(other.vm.uid));
  ASSERT_OK(vms_->Delete("other", true, {}));
  EXPECT_THAT(vms_->Get("vm")->allowed_vms, IsEmpty());
}

TEST_F(VmNetworkTest, ANetdThatHasLostItsLedgerIsToldAgain) {
  const VmView vm = Create({.name = "vm", .policy = {.nat = true}});
  const VmView other = Create({.name = "other", .policy = {.nat = true}});
  const VmView stopped = Create({.name = "stopped", .policy = {.nat = true}});
  ASSERT_OK(vms_->Stop("stopped", std::chrono::seconds(1), {}));
  const auto before = world_.network.policies;
  const int calls = world_.host.calls();
  vms_->RemindNetwork();
  EXPECT_EQ(world_.host.calls(), calls + 1);  // nothing to tell
  world_.network.LoseLedger();
  world_.host.FailAt("SetPolicy", absl::UnavailableError("netd is away again"));
  vms_->RemindNetwork();
  EXPECT_THAT(world_.network.policies, IsEmpty());
  world_.host.Mend();
  world_.network.LoseLedger();
  vms_->RemindNetwork();
  EXPECT_EQ(world_.network.hostnames.at(vm.vm.uid), "vm");
  EXPECT_EQ(world_.network.hostnames.at(other.vm.uid), "other");
  EXPECT_EQ(world_.network.policies.at(vm.vm.uid), before.at(vm.vm.uid));
  EXPECT_EQ(world_.network.policies.at(other.vm.uid), before.at(other.vm.uid));
  EXPECT_FALSE(world_.network.policies.contains(stopped.vm.uid));
}

TEST_F(VmNetworkTest, ANetdThatIsAwayIsAskedAgainLater) {
  Create({.name = "vm", .policy = {.nat = true}});
  world_.network.LoseLedger();
  world_.host.FailAt("ListEndpoints", absl::UnavailableError("away"));
  vms_->RemindNetwork();
  world_.host.Mend();
  vms_->RemindNetwork();
  EXPECT_EQ(world_.network.policies.size(), 1u);
}

TEST_F(VmNetworkTest, WhatNetdRefusesIsNotStored) {
  Create({.name = "vm"});
  world_.host.FailAt("SetPolicy", absl::InvalidArgumentError("no network"));
  EXPECT_THAT(vms_->Update("vm", {.nat = true}, {}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(vms_->Get("vm")->vm.policy.nat);
  EXPECT_THAT(vms_->Update("vm", {.allow_vms = {"ghost"}}, {}), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(VmNetworkTest, PortsAreOpenWhileTheVmRuns) {
  const VmView vm = Create({.name = "vm", .ports = {kWeb}});
  EXPECT_TRUE(IsOpen(vm));
  ASSERT_OK(vms_->Stop("vm", std::chrono::seconds(1), {}));
  EXPECT_FALSE(IsOpen(vm));
  EXPECT_EQ(vms_->Get("vm")->ports.at(0).problem, "");
  ASSERT_OK(vms_->Start("vm", kQuiet, {}));
  EXPECT_TRUE(IsOpen(vm));
  // vmd's own end closes them; the next one opens them again.
  world_.vmm.Restart();
  vms_.reset();
  world_.forwards.CloseAll(vm.vm.uid);
  StartVmd();
  ASSERT_OK(vms_->Recover());
  EXPECT_TRUE(IsOpen(vm));
  ASSERT_OK(vms_->UnpublishPort("vm", kWeb, {}));
  EXPECT_FALSE(IsOpen(vm));
  EXPECT_THAT(vms_->Get("vm")->ports, IsEmpty());
}

TEST_F(VmNetworkTest, APortBelongsToOneVmWhetherItRunsOrNot) {
  Create({.name = "first", .no_start = true, .ports = {kWeb}});
  PublishedPort everywhere = kWeb;
  everywhere.host_address = "0.0.0.0";
  const absl::Status refused = vms_->Create({.name = "second", .ports = {everywhere}}, kQuiet, {}).status();
  EXPECT_EQ(ErrorReason(refused), "PORT_IN_USE");
  EXPECT_THAT(refused.message(), HasSubstr("VM 'first'"));
  EXPECT_THAT(vms_->Get("second"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(world_.things.Of("endpoint"), IsEmpty());
  PublishedPort datagrams = kWeb;
  datagrams.protocol = PortProtocol::kUdp;
  EXPECT_OK(vms_->PublishPort("first", datagrams, {}));
  ASSERT_OK(vms_->Delete("first", true, {}));
  Create({.name = "second", .ports = {kWeb}});
}

TEST_F(VmNetworkTest, APortThatIsTakenCostsNoBoot) {
  world_.host.FailAt("OpenPort", PortInUse("127.0.0.1:8080", "nginx (pid 12)"));
  EXPECT_EQ(ErrorReason(vms_->Create({.name = "vm", .ports = {kWeb}}, kQuiet, {}).status()), "PORT_IN_USE");
  EXPECT_THAT(world_.vmm.launched, IsEmpty());
  EXPECT_THAT(world_.things.All(), IsEmpty());
  world_.host.Mend();
  Create({.name = "vm"});
  world_.host.FailAt("OpenPort", PortInUse("127.0.0.1:8080", "nginx (pid 12)"));
  EXPECT_EQ(ErrorReason(vms_->PublishPort("vm", kWeb, {}).status()), "PORT_IN_USE");
  EXPECT_THAT(vms_->Get("vm")->ports, IsEmpty());
}

TEST_F(VmNetworkTest, RefusesPortsThatAreNone) {
  for (const PublishedPort& wrong :
       {PublishedPort{.host_port = 0, .guest_port = 80}, PublishedPort{.host_port = 80, .guest_port = 65536},
        PublishedPort{.host_address = "localhost", .host_port = 80, .guest_port = 80},
        PublishedPort{.host_address = "1.2.3.04", .host_port = 80, .guest_port = 80}})
    EXPECT_EQ(ErrorReason(vms_->Create({.ports = {wrong}}, kQuiet, {}).status()), "FIELD_INVALID");
  EXPECT_THAT(world_.things.All(), IsEmpty());
}

}  // namespace
}  // namespace banger::vmd
