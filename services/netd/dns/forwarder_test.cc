// The way to upstreams over real loopback sockets, with servers that are slow,
// dead, lie or fail.
#include "services/netd/dns/forwarder.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "services/netd/testing/forwarder_fixture.h"

namespace banger::netd::dns {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

Answers WithRcode(const std::string& query, ldns_pkt_rcode rcode) { return {MakeAnswer(query, "", rcode)}; }

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

}  // namespace
}  // namespace banger::netd::dns
