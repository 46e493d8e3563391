// What a guest's policy does to its questions and their answers.
#include <gmock/gmock.h>

#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "services/netd/testing/forwarder_fixture.h"

namespace banger::netd::dns {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class ForwarderPolicyTest : public ForwarderTest {};

// Lists one name, and lets its answers through when it is told to.
class OneName final : public ResolverPolicy {
 public:
  NamePermission Permits(Ipv4, const std::string& name) override {
    return name == "www.example.org" ? NamePermission::kListed : NamePermission::kRefused;
  }
  void LetThrough(NameAnswer answer, std::function<void(bool)> done) override {
    for (const IpAddress& address : answer.addresses)
      seen.push_back(absl::StrCat(answer.guest.ToString(), " ", answer.name, " ", address.ToString(), " ",
                                  answer.ttl.count()));
    aliases = answer.aliases;
    if (waits)
      held.push_back(std::move(done));
    else
      done(accepts);
  }

  std::vector<std::string> seen;
  std::vector<std::string> aliases;
  bool accepts = true;
  bool waits = false;
  std::vector<std::function<void(bool)>> held;
};

TEST_F(ForwarderPolicyTest, ThePolicyDecidesWhatIsAskedAndSeesTheAnswerFirst) {
  OneName policy;
  policy_ = &policy;
  FakeUpstream& upstream = AddUpstream(Honest);
  EXPECT_EQ(AskAndWait("tunnel.example.com.").rcode, LDNS_RCODE_REFUSED);
  EXPECT_EQ(upstream.queries, 0);
  EXPECT_EQ(AskAndWait("WWW.example.org.").rcode, LDNS_RCODE_NOERROR);
  EXPECT_EQ(AskAndWait("www.example.org.").answer, kText);
  EXPECT_THAT(policy.seen, ElementsAre("172.30.0.2 www.example.org 192.0.2.7 60",
                                       "172.30.0.2 www.example.org 192.0.2.7 60"));
  policy.accepts = false;
  EXPECT_EQ(AskAndWait("www.example.org.").rcode, LDNS_RCODE_REFUSED);
}

TEST_F(ForwarderPolicyTest, ThePolicyHearsOfAliases) {
  OneName policy;
  policy_ = &policy;
  AddUpstream([](const std::string& query, bool) -> Answers {
    return {MakeAnswer(query,
                       "www.example.org. 60 IN CNAME CDN.example.net.\n"
                       "cdn.example.net. 5 IN CNAME edge.example.com.\nedge.example.com. 60 IN A 192.0.2.7")};
  });
  EXPECT_EQ(AskAndWait().rcode, LDNS_RCODE_NOERROR);
  EXPECT_THAT(policy.aliases, ElementsAre("cdn.example.net", "edge.example.com"));
  EXPECT_THAT(policy.seen, ElementsAre("172.30.0.2 www.example.org 192.0.2.7 5"));
}

TEST_F(ForwarderPolicyTest, AnswersWaitForThePolicyAndNobodyElseDoes) {
  OneName policy;
  policy.waits = true;
  policy_ = &policy;
  limits_.in_flight_per_client = 3;
  AddUpstream(Honest);
  Start();
  for (int i = 0; i < 4; ++i) Ask("www.example.org.");
  ASSERT_EQ(outcomes_.size(), 1u);  // one too many of them
  EXPECT_EQ(outcomes_[0].rcode, LDNS_RCODE_SERVFAIL);
  loop_->After(300ms, [this] { loop_->Stop(); });
  loop_->Run();
  EXPECT_EQ(outcomes_.size(), 1u);
  ASSERT_EQ(policy.held.size(), 3u);
  // From another thread, as netd does it.
  std::thread([&] {
    for (const auto& done : policy.held) done(true);
  }).join();
  policy.held.clear();
  EXPECT_EQ(Wait().answer, kText);
  EXPECT_EQ(outcomes_.size(), 4u);
  // From the cache it is the same; and what comes too late is nobody's.
  Ask("www.example.org.");
  ASSERT_EQ(policy.held.size(), 1u);
  forwarder_.reset();
  policy.held[0](true);
  loop_->After(50ms, [this] { loop_->Stop(); });
  loop_->Run();
  EXPECT_EQ(outcomes_.size(), 4u);
}

}  // namespace
}  // namespace banger::netd::dns
