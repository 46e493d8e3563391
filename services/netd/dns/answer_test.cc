#include "services/netd/dns/answer.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/netd/dns/cache.h"
#include "services/netd/testing/dns_messages.h"

namespace banger::netd::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kNegative[] =
    "authority:\nexample.org. 3600 IN SOA ns.example.org. root.example.org. 1 2 3 4 60";

class AnswerTest : public ::testing::Test {
 protected:
  void Ask(const std::string& name, ldns_rr_type type, std::uint16_t udp_size = 0) {
    message_ = MakeQuery(name, type, udp_size);
    query_ = {};
    Rcode problem;
    ASSERT_TRUE(ParseQuery(message_, &query_, &problem));
    ASSERT_EQ(problem, kNoError);
  }
  std::shared_ptr<const Answer> Parse(absl::string_view answer) {
    return Answer::Parse(answer, query_.question);
  }

  std::string message_;
  Query query_;
};

TEST_F(AnswerTest, PassesRecordsOnWithTheTimeThatIsLeft) {
  Ask("www.example.org.", LDNS_RR_TYPE_A);
  const auto answer = Parse(MakeAnswer(message_,
                                       "www.example.org. 300 IN CNAME web.example.org.\n"
                                       "web.example.org. 60 IN A 192.0.2.7\n"
                                       "web.example.org. 60 IN A 192.0.2.8"));
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->lifetime(), 60u);
  EXPECT_THAT(answer->addresses(), ElementsAre(*Ipv4::Parse("192.0.2.7"), *Ipv4::Parse("192.0.2.8")));
  const LdnsPacket reply = ParseMessage(answer->Render(query_, 20, 512));
  EXPECT_EQ(SectionText(ldns_pkt_answer(reply.get())),
            "www.example.org. 280 IN CNAME web.example.org.\n"
            "web.example.org. 40 IN A 192.0.2.7\n"
            "web.example.org. 40 IN A 192.0.2.8\n");
  EXPECT_EQ(ldns_pkt_id(reply.get()), 0x1234);
  EXPECT_TRUE(ldns_pkt_ra(reply.get()));
  EXPECT_FALSE(ldns_pkt_aa(reply.get()));
}

TEST_F(AnswerTest, EachClientGetsItsOwnCaseAndEdns) {
  Ask("www.example.org.", LDNS_RR_TYPE_A, 1400);
  const auto answer = Parse(MakeAnswer(message_, "www.example.org. 60 IN A 192.0.2.7"));
  ASSERT_NE(answer, nullptr);
  Ask("wWw.eXample.org.", LDNS_RR_TYPE_A);
  const LdnsPacket plain = ParseMessage(answer->Render(query_, 0, 512));
  EXPECT_FALSE(ldns_pkt_edns(plain.get()));
  EXPECT_EQ(SectionText(ldns_pkt_answer(plain.get())), "wWw.eXample.org. 60 IN A 192.0.2.7\n");
  Ask("www.example.org.", LDNS_RR_TYPE_A, 600);
  const LdnsPacket edns = ParseMessage(answer->Render(query_, 0, 600));
  EXPECT_TRUE(ldns_pkt_edns(edns.get()));
  EXPECT_EQ(ldns_pkt_edns_udp_size(edns.get()), 1232);
}

TEST_F(AnswerTest, WhatIsTooLongIsCut) {
  Ask("big.example.org.", LDNS_RR_TYPE_A, 512);
  std::string records;
  for (int i = 0; i < 60; ++i) absl::StrAppend(&records, "big.example.org. 60 IN A 192.0.2.", i, "\n");
  const auto answer = Parse(MakeAnswer(message_, records));
  ASSERT_NE(answer, nullptr);
  const std::string cut = answer->Render(query_, 0, 512);
  EXPECT_LE(cut.size(), 512u);
  const LdnsPacket reply = ParseMessage(cut);
  ASSERT_NE(reply, nullptr);
  EXPECT_TRUE(ldns_pkt_tc(reply.get()));
  EXPECT_EQ(ldns_pkt_ancount(reply.get()), 0);
  const LdnsPacket whole = ParseMessage(answer->Render(query_, 0, kMaxMessageSize));
  EXPECT_FALSE(ldns_pkt_tc(whole.get()));
  EXPECT_EQ(ldns_pkt_ancount(whole.get()), 60);
}

TEST_F(AnswerTest, NegativeAnswersLiveAsLongAsTheirSoaSays) {
  Ask("gone.example.org.", LDNS_RR_TYPE_A);
  EXPECT_EQ(Parse(MakeAnswer(message_, kNegative, LDNS_RCODE_NXDOMAIN))->lifetime(), 60u);
  EXPECT_EQ(Parse(MakeAnswer(message_, kNegative))->lifetime(), 60u);
  EXPECT_EQ(Parse(MakeAnswer(message_, "", LDNS_RCODE_NXDOMAIN))->lifetime(), 0u);
  EXPECT_EQ(Parse(MakeAnswer(message_, kNegative, LDNS_RCODE_SERVFAIL))->lifetime(), 0u);
}

TEST_F(AnswerTest, AnswersToOtherQuestionsAreNone) {
  Ask("www.example.org.", LDNS_RR_TYPE_A);
  const std::string record = "www.example.org. 60 IN A 192.0.2.7";
  EXPECT_NE(Parse(MakeAnswer(MakeQuery("WWW.example.ORG.", LDNS_RR_TYPE_A), record)), nullptr);
  EXPECT_EQ(Parse(MakeAnswer(MakeQuery("www.example.com.", LDNS_RR_TYPE_A), record)), nullptr);
  EXPECT_EQ(Parse(MakeAnswer(MakeQuery("www.example.org.", LDNS_RR_TYPE_AAAA), record)), nullptr);
  EXPECT_EQ(Parse(message_), nullptr);
  EXPECT_EQ(Parse(""), nullptr);
}

TEST_F(AnswerTest, CrookedAnswersAreNone) {
  Ask("www.example.org.", LDNS_RR_TYPE_A);
  const std::string good = MakeAnswer(message_, "www.example.org. 60 IN A 192.0.2.7");
  ASSERT_NE(Parse(good), nullptr);
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(Parse(good.substr(0, size)), nullptr) << size;
  // The record's name points to itself.
  std::string loop = good;
  const std::size_t owner = 12 + 17 + 4;
  loop.replace(owner, 2, std::string({'\xc0', static_cast<char>(owner)}));
  EXPECT_EQ(Parse(loop), nullptr);
}

TEST_F(AnswerTest, TheCacheForgetsInTimeAndWhenItIsFull) {
  Ask("www.example.org.", LDNS_RR_TYPE_A);
  const auto answer = Parse(MakeAnswer(message_, "www.example.org. 60 IN A 192.0.2.7"));
  const auto none = Parse(MakeAnswer(message_, "www.example.org. 0 IN A 192.0.2.7"));
  const auto now = Cache::Clock::now();
  Cache cache(2000);
  cache.Put("a", answer, now);
  cache.Put("zero", none, now);
  EXPECT_EQ(cache.Find("a", now + std::chrono::seconds(59)).second, 59u);
  EXPECT_EQ(cache.Find("zero", now).first, nullptr);
  EXPECT_EQ(cache.Find("a", now + std::chrono::seconds(60)).first, nullptr);
  EXPECT_EQ(cache.bytes(), 0u);
  for (int i = 0; i < 100; ++i) {
    cache.Put(absl::StrCat(i), answer, now);
    EXPECT_NE(cache.Find("0", now).first, nullptr) << i;  // used all the time
    EXPECT_LE(cache.bytes(), 2000u);
  }
  EXPECT_EQ(cache.Find("50", now).first, nullptr);
}

}  // namespace
}  // namespace banger::netd::dns
