#include "services/netd/core/policy.h"

#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/netd/core/endpoint.h"
#include "services/netd/core/rules.h"

namespace banger::netd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Ipv4 Address(const std::string& text) { return *Ipv4::Parse(text); }
Prefix Network(const std::string& text) { return *Prefix::Parse(text); }

TEST(PolicyTest, HasOneFormForOneMeaning) {
  Policy policy{.egress = {.mode = Egress::Mode::kListed,
                           .networks = {Network("10.1.0.0/16"), Network("192.0.2.0/24"),
                                        Network("10.0.0.0/8"), Network("10.1.2.3")},
                           .domains = {"B.example.", "a.example", "b.example"}},
                .peers = {"z", "a", "z"}};
  ASSERT_OK_AND_ASSIGN(policy, NormalPolicy(policy));
  EXPECT_THAT(policy.egress.networks, ElementsAre(Network("10.0.0.0/8"), Network("192.0.2.0/24")));
  EXPECT_THAT(policy.egress.domains, ElementsAre("a.example", "b.example"));
  EXPECT_THAT(policy.peers, ElementsAre("a", "z"));
  EXPECT_THAT(NormalPolicy(policy), IsOkAndHolds(policy));
}

TEST(PolicyTest, RefusesWhatMakesNoSense) {
  const auto reason = [](const Policy& policy) { return ErrorReason(NormalPolicy(policy).status()); };
  EXPECT_EQ(reason({.egress = {.mode = Egress::Mode::kAll, .domains = {"a.example"}}}), "POLICY_INVALID");
  for (const char* domain : {"", ".", "a..b", "*", "a.*.b", "*.", "-a.example", "a b", "a\nb", "ä.example"})
    EXPECT_EQ(reason({.egress = {.mode = Egress::Mode::kListed, .domains = {domain}}}), "POLICY_INVALID")
        << domain;
  EXPECT_EQ(reason({.egress = {.mode = Egress::Mode::kListed, .domains = {std::string(254, 'a')}}}),
            "POLICY_INVALID");
  EXPECT_EQ(reason({.egress = {.mode = Egress::Mode::kListed,
                               .domains = std::vector<std::string>(257, "a.example")}}),
            "POLICY_INVALID");
  EXPECT_EQ(reason({.peers = {"../x"}}), "ENDPOINT_ID_INVALID");
}

TEST(PolicyTest, NamesMatchWholeOrBelow) {
  const Egress egress{.mode = Egress::Mode::kListed, .domains = {"*.example.org", "example.com"}};
  for (const char* listed : {"example.com", "EXAMPLE.com.", "deb.example.org", "a.b.example.org"})
    EXPECT_TRUE(IsListedDomain(egress, listed)) << listed;
  for (const char* other :
       {"www.example.com", "example.com.evil", "example.org", "notexample.org", "xexample.com", ""})
    EXPECT_FALSE(IsListedDomain(egress, other)) << other;
}

class RulesTest : public ::testing::Test {
 protected:
  Endpoint& Add(const std::string& id, const std::string& address, const Policy& policy = {},
                uid_t owner = 1) {
    Endpoint endpoint{.id = id, .address = Address(address), .owner = owner, .policy = policy};
    endpoint.tap = TapName(endpoint.address);
    return endpoints_[id] = endpoint;
  }
  Rules Make() { return RulesFor(endpoints_, spares_, {.ipv4 = {"eth0"}}, opened_); }

  Endpoints endpoints_;
  std::set<Ipv4> spares_;
  OpenedAddresses opened_;
};

TEST_F(RulesTest, AnEndpointWithoutATapHasNone) {
  Add("a", "172.30.0.2", {.nat = true}).tap.clear();
  EXPECT_THAT(Make().guests, IsEmpty());
  EXPECT_THAT(Make().open, IsEmpty());
  EXPECT_FALSE(Make().forwards);
}

TEST_F(RulesTest, ASpareTapMayDoWhatEveryGuestMay) {
  spares_ = {Address("172.30.0.9")};
  EXPECT_EQ(Make(), (Rules{.guests = {Address("172.30.0.9")}, .uplinks = {.ipv4 = {"eth0"}}}));
}

TEST_F(RulesTest, OnlyWhatThePolicyAllowsIsOpen) {
  const Egress listed = {.mode = Egress::Mode::kListed, .networks = {Network("10.0.0.0/8")}};
  Add("plain", "172.30.0.2");
  Add("all", "172.30.0.3", {.nat = true});
  Add("none", "172.30.0.4", {.nat = true, .egress = {.mode = Egress::Mode::kNone}});
  Add("some", "172.30.0.5", {.nat = true, .egress = listed});
  Add("shut", "172.30.0.6", {.nat = false, .egress = listed});
  const Rules rules = Make();
  EXPECT_EQ(rules.guests.size(), 5u);
  EXPECT_THAT(rules.open, ElementsAre(Address("172.30.0.3")));
  EXPECT_THAT(rules.networks, ElementsAre(std::pair(Address("172.30.0.5"), Network("10.0.0.0/8"))));
  EXPECT_TRUE(rules.forwards);
}

TEST_F(RulesTest, PeersAreMutualAndOfOneOwner) {
  Add("a", "172.30.0.2", {.peers = {"a", "b", "c", "gone"}});
  Add("b", "172.30.0.3");
  Add("c", "172.30.0.4", {}, 2);
  EXPECT_THAT(Make().peers, ElementsAre(std::pair(Address("172.30.0.2"), Address("172.30.0.3")),
                                        std::pair(Address("172.30.0.3"), Address("172.30.0.2"))));
}

TEST_F(RulesTest, AnswersOpenAddressesOnlyForGuestsWithNames) {
  opened_[{Address("172.30.0.2"), Address("192.0.2.1")}] = SteadyTime::max();
  opened_[{Address("172.30.0.3"), Address("192.0.2.1")}] = SteadyTime::max();
  const Egress named = {.mode = Egress::Mode::kListed, .domains = {"example.com"}};
  Add("named", "172.30.0.2", {.nat = true, .egress = named});
  Add("numbered", "172.30.0.3",
      {.nat = true, .egress = {.mode = Egress::Mode::kListed, .networks = {Network("10.0.0.0/8")}}});
  EXPECT_EQ(Make().opened.size(), 1u);
}

}  // namespace
}  // namespace banger::netd
