// The way to upstreams over real loopback sockets, with servers that are slow,
// dead, lie or fail.
#include "services/netd/dns/forwarder.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/dns_messages.h"
#include "services/netd/testing/fake_upstream.h"

namespace banger::netd::dns {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kRecord[] = "www.example.org. 60 IN A 192.0.2.7";
constexpr char kText[] = "www.example.org. 60 IN A 192.0.2.7\n";

using Answers = std::vector<std::string>;

Answers Honest(const std::string& query, bool) { return {MakeAnswer(query, kRecord)}; }
Answers Silent(const std::string&, bool) { return {}; }

Answers WithRcode(const std::string& query, ldns_pkt_rcode rcode) { return {MakeAnswer(query, "", rcode)}; }

class ForwarderTest : public ::testing::Test {
 protected:
  struct Outcome {
    ldns_pkt_rcode rcode = LDNS_RCODE_REFUSED;
    std::string answer;
    bool cut = false;
  };

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(loop_, EventLoop::Create());
    limits_.exchange = {.patience = 60ms, .total = 2s};
  }

  FakeUpstream& AddUpstream(FakeUpstream::Answers answers) {
    servers_.push_back(std::make_unique<FakeUpstream>(*loop_, std::move(answers)));
    return *servers_.back();
  }

  void Start() {
    Upstreams::Options options{.resolv_conf = "/nonexistent",
                               .read_resolv_conf = [] { return std::string(); }};
    for (const auto& server : servers_) options.configured.push_back(server->address());
    upstreams_ = std::make_unique<Upstreams>(std::move(options));
    forwarder_ = std::make_unique<Forwarder>(*loop_, *upstreams_, policy_, limits_);
  }

  void Ask(const std::string& name, ldns_rr_type type = LDNS_RR_TYPE_A, std::uint32_t client = 2,
           std::size_t limit = 1232) {
    const std::string message = MakeQuery(name, type, 1232);
    Query query;
    Rcode problem;
    ASSERT_TRUE(ParseQuery(message, &query, &problem));
    ++awaited_;
    forwarder_->Ask(query, Ipv4(0xac1e0000 + client), limit, [this](absl::string_view reply) {
      const LdnsPacket packet = ParseMessage(reply);
      ASSERT_NE(packet, nullptr);
      outcomes_.push_back({ldns_pkt_get_rcode(packet.get()), SectionText(ldns_pkt_answer(packet.get())),
                           ldns_pkt_tc(packet.get())});
      if (--awaited_ == 0) loop_->Stop();
    });
  }
  // Asks once, and waits for the answer.
  Outcome AskAndWait(const std::string& name = "www.example.org.", std::size_t limit = 1232) {
    if (forwarder_ == nullptr) Start();
    Ask(name, LDNS_RR_TYPE_A, 2, limit);
    return Wait();
  }
  Outcome Wait() {
    loop_->Run();
    return outcomes_.back();
  }

  std::unique_ptr<EventLoop> loop_;
  std::vector<std::unique_ptr<FakeUpstream>> servers_;
  ResolverPolicy* policy_ = nullptr;
  Forwarder::Limits limits_;
  std::unique_ptr<Upstreams> upstreams_;
  std::unique_ptr<Forwarder> forwarder_;
  std::vector<Outcome> outcomes_;
  int awaited_ = 0;
};

TEST_F(ForwarderTest, AsksAnUpstreamOnceAndRemembers) {
  FakeUpstream& upstream = AddUpstream(Honest);
  EXPECT_EQ(AskAndWait().answer, kText);
  EXPECT_EQ(AskAndWait("WWW.example.org.").answer, "WWW.example.org. 60 IN A 192.0.2.7\n");
  EXPECT_EQ(upstream.queries, 1);
}

TEST_F(ForwarderTest, ADeadUpstreamCostsOneAttemptAndIsAskedLastAfterwards) {
  FakeUpstream& dead = AddUpstream(Silent);
  AddUpstream(Honest);
  EXPECT_EQ(AskAndWait().answer, kText);
  EXPECT_EQ(dead.queries, 1);
  EXPECT_EQ(AskAndWait("other.example.org.").rcode, LDNS_RCODE_NOERROR);
  EXPECT_EQ(dead.queries, 1);
}

TEST_F(ForwarderTest, AnUpstreamWhosePortIsClosedCostsNoTime) {
  limits_.exchange.patience = 1h;
  AddUpstream(Honest);
  AddUpstream(Honest);
  Start();
  // The first one goes.
  servers_.erase(servers_.begin());
  EXPECT_EQ(AskAndWait().answer, kText);
}

TEST_F(ForwarderTest, ALateAnswerOfTheFirstStillCounts) {
  std::string late;
  AddUpstream([&](const std::string& query, bool) {
    late = MakeAnswer(query, kRecord);
    return Answers();
  });
  FakeUpstream& first = *servers_[0];
  AddUpstream(Silent);
  Start();
  loop_->After(150ms, [&] { first.SendToPeer(late); });
  EXPECT_EQ(AskAndWait().answer, kText);
}

TEST_F(ForwarderTest, WithoutAnyAnswerItIsAServerFailure) {
  limits_.exchange.total = 200ms;
  FakeUpstream& dead = AddUpstream(Silent);
  EXPECT_EQ(AskAndWait().rcode, LDNS_RCODE_SERVFAIL);
  EXPECT_GE(dead.queries, 1);
}

TEST_F(ForwarderTest, WithoutUpstreamsItIsAServerFailureAtOnce) {
  limits_.exchange.total = 1h;
  EXPECT_EQ(AskAndWait().rcode, LDNS_RCODE_SERVFAIL);
}

TEST_F(ForwarderTest, AnAnswerThatWasCutIsFetchedOverTcp) {
  AddUpstream([](const std::string& query, bool tcp) -> Answers {
    std::string answer = MakeAnswer(query, tcp ? kRecord : "");
    if (!tcp) answer[2] = static_cast<char>(answer[2] | 0x02);
    return {answer};
  });
  const Outcome outcome = AskAndWait();
  EXPECT_EQ(outcome.answer, kText);
  EXPECT_FALSE(outcome.cut);
}

TEST_F(ForwarderTest, WhatIsTooLongForItsClientIsCut) {
  AddUpstream([](const std::string& query, bool) -> Answers {
    std::string records;
    for (int i = 0; i < 60; ++i) absl::StrAppend(&records, "www.example.org. 60 IN A 192.0.2.", i, "\n");
    return {MakeAnswer(query, records)};
  });
  EXPECT_TRUE(AskAndWait("www.example.org.", 512).cut);
  EXPECT_FALSE(AskAndWait("www.example.org.", kMaxMessageSize).cut);
}

TEST_F(ForwarderTest, AnswersWithAnotherIdOrQuestionArePassedOver) {
  AddUpstream([](const std::string& query, bool) -> Answers {
    const std::string lie = "www.example.org. 60 IN A 198.51.100.66";
    std::string wrong_id = MakeAnswer(query, lie);
    wrong_id[0] = static_cast<char>(wrong_id[0] + 1);
    std::string other = MakeAnswer(MakeQuery("www.example.com.", LDNS_RR_TYPE_A), lie);
    other.replace(0, 2, query, 0, 2);
    std::string no_answer = query;
    return {wrong_id, other, no_answer, "", "x", std::string(600, '\xff'), MakeAnswer(query, kRecord)};
  });
  EXPECT_EQ(AskAndWait().answer, kText);
}

TEST_F(ForwarderTest, AnAnswerFromAnotherSourceIsNotEvenSeen) {
  FakeUpstream& stranger = AddUpstream(Silent);
  FakeUpstream* upstream = nullptr;
  upstream = &AddUpstream([&](const std::string& query, bool) -> Answers {
    stranger.SendTo(upstream->peer(), MakeAnswer(query, "www.example.org. 60 IN A 198.51.100.66"));
    return {MakeAnswer(query, kRecord)};
  });
  std::swap(servers_[0], servers_[1]);
  EXPECT_EQ(AskAndWait().answer, kText);
}

TEST_F(ForwarderTest, EveryQueryHasAPortAndAnIdOfItsOwn) {
  std::set<int> ports;
  std::set<std::string> ids;
  FakeUpstream* upstream = nullptr;
  upstream = &AddUpstream([&](const std::string& query, bool) -> Answers {
    ports.insert(ntohs(upstream->peer().sin_port));
    ids.insert(query.substr(0, 2));
    return {MakeAnswer(query, "")};
  });
  for (int i = 0; i < 30; ++i) AskAndWait(absl::StrCat("n", i, ".example.org."));
  EXPECT_GT(ports.size(), 20u);
  EXPECT_GT(ids.size(), 20u);
}

TEST_F(ForwarderTest, AServerThatKnowsNoEdnsIsAskedWithout) {
  FakeUpstream& old = AddUpstream([](const std::string& query, bool) -> Answers {
    const LdnsPacket packet = ParseMessage(query);
    if (!ldns_pkt_edns(packet.get())) return Honest(query, false);
    return {MakeAnswer(MakeQuery("www.example.org.", LDNS_RR_TYPE_A), "", LDNS_RCODE_FORMERR)
                .replace(0, 2, query, 0, 2)};
  });
  EXPECT_EQ(AskAndWait().answer, kText);
  EXPECT_EQ(old.queries, 2);
}

TEST_F(ForwarderTest, AFailingServerIsFollowedByTheNextAndElsePassedOn) {
  AddUpstream([](const std::string& query, bool) { return WithRcode(query, LDNS_RCODE_SERVFAIL); });
  AddUpstream(Honest);
  EXPECT_EQ(AskAndWait().answer, kText);
  servers_.pop_back();
  EXPECT_EQ(AskAndWait("x.example.org.").rcode, LDNS_RCODE_SERVFAIL);
}

TEST_F(ForwarderTest, NamesThatAreNotThereAreRememberedToo) {
  FakeUpstream& upstream = AddUpstream([](const std::string& query, bool) -> Answers {
    return {MakeAnswer(query, "authority:\nexample.org. 60 IN SOA a.example.org. b.example.org. 1 2 3 4 60",
                       LDNS_RCODE_NXDOMAIN)};
  });
  EXPECT_EQ(AskAndWait().rcode, LDNS_RCODE_NXDOMAIN);
  EXPECT_EQ(AskAndWait().rcode, LDNS_RCODE_NXDOMAIN);
  EXPECT_EQ(upstream.queries, 1);
}

TEST_F(ForwarderTest, EqualQuestionsAtOneTimeGoOutOnce) {
  FakeUpstream& upstream = AddUpstream(Honest);
  Start();
  for (std::uint32_t client = 2; client < 40; ++client) Ask("www.example.org.", LDNS_RR_TYPE_A, client);
  Wait();
  EXPECT_EQ(upstream.queries, 1);
  EXPECT_EQ(outcomes_.size(), 38u);
  for (const Outcome& outcome : outcomes_) EXPECT_EQ(outcome.answer, kText);
}

TEST_F(ForwarderTest, BeyondItsCapsItFailsAtOnce) {
  limits_.in_flight = 10;
  limits_.in_flight_per_client = 4;
  limits_.exchange = {.patience = 100ms, .total = 150ms};
  FakeUpstream& dead = AddUpstream(Silent);
  Start();
  for (int i = 0; i < 6; ++i) Ask(absl::StrCat("a", i, ".example.org."));
  EXPECT_EQ(outcomes_.size(), 2u);
  for (std::uint32_t client = 3; client < 13; ++client)
    Ask(absl::StrCat("b", client, ".example.org."), LDNS_RR_TYPE_A, client);
  EXPECT_EQ(outcomes_.size(), 6u);
  Wait();
  EXPECT_EQ(outcomes_.size(), 16u);
  EXPECT_LE(dead.queries, 20);
  // All of it was given back.
  for (int i = 0; i < 4; ++i) Ask(absl::StrCat("c", i, ".example.org."));
  EXPECT_EQ(outcomes_.size(), 16u);
  Wait();
}

TEST_F(ForwarderTest, WithoutDescriptorsItFailsAtOnceAndRecovers) {
  limits_.exchange.total = 1h;
  AddUpstream(Honest);
  Start();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  Ask("www.example.org.");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(Wait().rcode, LDNS_RCODE_SERVFAIL);
  EXPECT_EQ(AskAndWait().answer, kText);
}

TEST_F(ForwarderTest, AForwarderThatGoesForgetsItsQuestions) {
  AddUpstream(Silent);
  Start();
  Ask("www.example.org.");
  forwarder_.reset();
  loop_->After(200ms, [this] { loop_->Stop(); });
  loop_->Run();
  EXPECT_THAT(outcomes_, IsEmpty());
}

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

TEST_F(ForwarderTest, ThePolicyDecidesWhatIsAskedAndSeesTheAnswerFirst) {
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

TEST_F(ForwarderTest, ThePolicyHearsOfAliases) {
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

TEST_F(ForwarderTest, AnswersWaitForThePolicyAndNobodyElseDoes) {
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
