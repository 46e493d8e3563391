// What is answered out of the zone, read back by ldns.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/netd/testing/responder_fixture.h"

namespace banger::netd::dns {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kSoa[] = "vm. 1 IN SOA vm. nobody.invalid. 7 3600 1200 604800 1\n";

TEST_F(ResponderTest, AnswersAGuestsAddressWithAuthority) {
  EXPECT_EQ(AnswerTo("web.vm.", LDNS_RR_TYPE_A), "web.vm. 5 IN A 172.30.0.2\n");
  EXPECT_TRUE(ldns_pkt_aa(packet_.get()));
  EXPECT_TRUE(ldns_pkt_rd(packet_.get()));
  EXPECT_TRUE(ldns_pkt_ra(packet_.get()));
  EXPECT_FALSE(ldns_pkt_edns(packet_.get()));
  EXPECT_EQ(ldns_pkt_id(packet_.get()), 0x1234);
  EXPECT_EQ(AnswerTo(absl::StrCat(std::string(63, 'x'), ".vm."), LDNS_RR_TYPE_A),
            absl::StrCat(std::string(63, 'x'), ".vm. 5 IN A 172.30.0.3\n"));
}

TEST_F(ResponderTest, MatchesAnyCaseAndKeepsThatOfTheQuestion) {
  EXPECT_EQ(AnswerTo("wEb.Vm.", LDNS_RR_TYPE_A), "wEb.Vm. 5 IN A 172.30.0.2\n");
  EXPECT_THAT(SectionText(ldns_pkt_question(packet_.get())), StartsWith("wEb.Vm."));
}

TEST_F(ResponderTest, WhatIsThereWithoutTheTypeHasNoData) {
  for (const ldns_rr_type type : {LDNS_RR_TYPE_AAAA, LDNS_RR_TYPE_MX, LDNS_RR_TYPE_TXT, LDNS_RR_TYPE_HTTPS}) {
    EXPECT_EQ(AnswerTo("web.vm.", type), "");
    EXPECT_EQ(rcode(), LDNS_RCODE_NOERROR);
    EXPECT_EQ(Authority(), kSoa);
    EXPECT_TRUE(ldns_pkt_aa(packet_.get()));
  }
}

TEST_F(ResponderTest, WhatIsNotThereIsANameError) {
  for (const char* name : {"gone.vm.", "a.web.vm.", "web.web.vm.", "\\000.vm."}) {
    EXPECT_EQ(AnswerTo(name, LDNS_RR_TYPE_A), "") << name;
    EXPECT_EQ(rcode(), LDNS_RCODE_NXDOMAIN) << name;
    EXPECT_EQ(Authority(), kSoa) << name;
  }
}

TEST_F(ResponderTest, TheZoneHasItsSoaAndNs) {
  EXPECT_EQ(AnswerTo("vm.", LDNS_RR_TYPE_SOA), "vm. 5 IN SOA vm. nobody.invalid. 7 3600 1200 604800 1\n");
  EXPECT_EQ(AnswerTo("vm.", LDNS_RR_TYPE_NS), "vm. 5 IN NS vm.\n");
  EXPECT_EQ(AnswerTo("VM.", LDNS_RR_TYPE_A), "");
  EXPECT_EQ(rcode(), LDNS_RCODE_NOERROR);
  EXPECT_THAT(Authority(), HasSubstr("SOA"));
}

TEST_F(ResponderTest, RecordsFollowTheZoneAtOnceAndTheSerialToo) {
  zone_.Withdraw("web", *Ipv4::Parse("172.30.0.2"));
  EXPECT_EQ(AnswerTo("web.vm.", LDNS_RR_TYPE_A), "");
  EXPECT_THAT(Authority(), HasSubstr(" 8 3600"));
  EXPECT_EQ(AnswerTo("2.0.30.172.in-addr.arpa.", LDNS_RR_TYPE_PTR), "");
  zone_.Publish("web", *Ipv4::Parse("172.30.0.9"));
  EXPECT_EQ(AnswerTo("web.vm.", LDNS_RR_TYPE_A), "web.vm. 5 IN A 172.30.0.9\n");
  // The name moves: the old address has none any more.
  zone_.Publish("web", *Ipv4::Parse("172.30.0.10"));
  EXPECT_EQ(AnswerTo("9.0.30.172.in-addr.arpa.", LDNS_RR_TYPE_PTR), "");
  EXPECT_EQ(AnswerTo("10.0.30.172.in-addr.arpa.", LDNS_RR_TYPE_PTR),
            "10.0.30.172.in-addr.arpa. 5 IN PTR web.vm.\n");
}

TEST_F(ResponderTest, AddressesHaveNames) {
  EXPECT_EQ(AnswerTo("2.0.30.172.in-addr.arpa.", LDNS_RR_TYPE_PTR),
            "2.0.30.172.in-addr.arpa. 5 IN PTR web.vm.\n");
  EXPECT_TRUE(ldns_pkt_aa(packet_.get()));
  EXPECT_EQ(AnswerTo("2.0.30.172.IN-ADDR.arpa.", LDNS_RR_TYPE_A), "");
  EXPECT_EQ(rcode(), LDNS_RCODE_NOERROR);
  EXPECT_THAT(Authority(), StartsWith("0.30.172.IN-ADDR.arpa. 1 IN SOA"));
  for (const char* name : {"77.0.30.172.in-addr.arpa.", "x.0.30.172.in-addr.arpa.",
                           "02.0.30.172.in-addr.arpa.", "9.2.0.30.172.in-addr.arpa."}) {
    EXPECT_EQ(AnswerTo(name, LDNS_RR_TYPE_PTR), "") << name;
    EXPECT_EQ(rcode(), LDNS_RCODE_NXDOMAIN) << name;
    EXPECT_THAT(Authority(), StartsWith("0.30.172.in-addr.arpa. 1 IN SOA")) << name;
  }
  EXPECT_THAT(AnswerTo("0.30.172.in-addr.arpa.", LDNS_RR_TYPE_NS), HasSubstr("IN NS 0.30.172.in-addr.arpa."));
}

TEST_F(ResponderTest, ReverseNamesOutsideOfTheSubnetAreNotOurs) {
  for (const char* name : {"2.1.30.172.in-addr.arpa.", "30.172.in-addr.arpa.", "in-addr.arpa.", "arpa.",
                           "x2.0.30.172.xin-addr.arpa.", "300.30.172.in-addr.arpa."})
    EXPECT_EQ(Ask(name, LDNS_RR_TYPE_PTR), Verdict::kForward) << name;
}

TEST_F(ResponderTest, ReverseZonesFollowThePrefix) {
  const struct {
    int prefix;
    const char* name;
    Verdict verdict;
  } cases[] = {
      {16, "30.172.in-addr.arpa.", Verdict::kReply},     {16, "9.255.30.172.in-addr.arpa.", Verdict::kReply},
      {16, "9.30.172.in-addr.arpa.", Verdict::kReply},   {16, "9.9.31.172.in-addr.arpa.", Verdict::kForward},
      {20, "15.30.172.in-addr.arpa.", Verdict::kReply},  {20, "16.30.172.in-addr.arpa.", Verdict::kForward},
      {26, "9.0.30.172.in-addr.arpa.", Verdict::kReply}, {26, "64.0.30.172.in-addr.arpa.", Verdict::kForward},
      {26, "0.30.172.in-addr.arpa.", Verdict::kForward},
  };
  for (const auto& test : cases) {
    const Responder responder(MakeSubnet("172.30.0.1", test.prefix), zone_);
    Query query;
    char buffer[kMaxOwnReply];
    std::size_t size = 0;
    EXPECT_EQ(responder.Handle(MakeQuery(test.name, LDNS_RR_TYPE_PTR), client_, &query, buffer, &size),
              test.verdict)
        << test.prefix << " " << test.name;
  }
}

TEST_F(ResponderTest, OtherNamesAreForwardedForGuestsAndRefusedToTheHost) {
  for (const char* name : {"example.org.", "xvm.", "vm.org.", "\\002vm.org.", "."})
    EXPECT_EQ(Ask(name, LDNS_RR_TYPE_A), Verdict::kForward) << name;
  client_.is_guest = false;
  EXPECT_EQ(Ask("example.org.", LDNS_RR_TYPE_A, 1232), Verdict::kReply);
  EXPECT_EQ(rcode(), LDNS_RCODE_REFUSED);
  EXPECT_FALSE(ldns_pkt_ra(packet_.get()));
  EXPECT_EQ(AnswerTo("web.vm.", LDNS_RR_TYPE_A), "web.vm. 5 IN A 172.30.0.2\n");
}

TEST_F(ResponderTest, ALabelThatLooksLikeTheZoneIsNot) {
  // The bytes "\2vm\0" at the end, but inside of a label: "a\003\002vm".
  std::string message = MakeQuery("abcd.", LDNS_RR_TYPE_A);
  message[13] = 'a';
  message[14] = 2;
  message[15] = 'v';
  message[16] = 'm';
  EXPECT_EQ(Handle(message), Verdict::kForward);
}

TEST_F(ResponderTest, EdnsIsAnsweredWithEdns) {
  EXPECT_EQ(Ask("web.vm.", LDNS_RR_TYPE_A, 4096), Verdict::kReply);
  EXPECT_TRUE(ldns_pkt_edns(packet_.get()));
  EXPECT_EQ(ldns_pkt_edns_udp_size(packet_.get()), 1232);
  EXPECT_EQ(SectionText(ldns_pkt_answer(packet_.get())), "web.vm. 5 IN A 172.30.0.2\n");
}

TEST_F(ResponderTest, AnUnknownEdnsVersionIsBad) {
  std::string message = MakeQuery("web.vm.", LDNS_RR_TYPE_A, 1232);
  message[message.size() - 5] = 1;
  EXPECT_EQ(Handle(message), Verdict::kReply);
  EXPECT_EQ(ExtendedRcode(), 16);
  EXPECT_EQ(ldns_pkt_edns_version(packet_.get()), 0);
  EXPECT_EQ(ldns_pkt_ancount(packet_.get()), 0);
}

TEST_F(ResponderTest, OneOptAtMostAndAtTheRoot) {
  const std::string message = MakeQuery("web.vm.", LDNS_RR_TYPE_A, 1232);
  std::string twice = message + message.substr(message.size() - 11);
  twice[11] = 2;
  EXPECT_EQ(Handle(twice), Verdict::kReply);
  EXPECT_EQ(rcode(), LDNS_RCODE_FORMERR);
  std::string named =
      message.substr(0, message.size() - 11) + std::string("\1a", 2) + message.substr(message.size() - 11);
  EXPECT_EQ(Handle(named), Verdict::kReply);
  EXPECT_EQ(rcode(), LDNS_RCODE_FORMERR);
}

TEST_F(ResponderTest, AnyGetsOneRecord) {
  EXPECT_EQ(AnswerTo("web.vm.", LDNS_RR_TYPE_ANY), "web.vm. 5 IN A 172.30.0.2\n");
  EXPECT_THAT(AnswerTo("example.org.", LDNS_RR_TYPE_ANY), HasSubstr("HINFO \"RFC8482\""));
  EXPECT_FALSE(ldns_pkt_aa(packet_.get()));
}

TEST_F(ResponderTest, OtherClassesTransfersAndOpcodesAreRefused) {
  EXPECT_EQ(Handle(MakeQuery("version.bind.", LDNS_RR_TYPE_TXT, 0, LDNS_RR_CLASS_CH)), Verdict::kReply);
  EXPECT_EQ(rcode(), LDNS_RCODE_REFUSED);
  for (const ldns_rr_type type : {LDNS_RR_TYPE_AXFR, LDNS_RR_TYPE_IXFR, LDNS_RR_TYPE_TKEY}) {
    EXPECT_EQ(Ask("vm.", type), Verdict::kReply);
    EXPECT_EQ(rcode(), LDNS_RCODE_REFUSED);
    EXPECT_EQ(Ask("example.org.", type), Verdict::kReply);
    EXPECT_EQ(rcode(), LDNS_RCODE_REFUSED);
  }
  for (const int opcode : {1, 2, 4, 5, 15}) {
    std::string message = MakeQuery("web.vm.", LDNS_RR_TYPE_A);
    message[2] = static_cast<char>(opcode << 3);
    EXPECT_EQ(Handle(message), Verdict::kReply);
    EXPECT_EQ(rcode(), LDNS_RCODE_NOTIMPL);
    // ldns has no enumerator for all of them.
    EXPECT_EQ(static_cast<unsigned char>(reply_[2]) >> 3 & 15, opcode);
  }
}

TEST_F(ResponderTest, OneQuestionAndNothingElse) {
  const std::string message = MakeQuery("web.vm.", LDNS_RR_TYPE_A);
  for (const std::size_t count : {5, 7, 9, 11}) {
    for (const char number : {0, 2}) {
      if (count > 5 && number == 0) continue;
      std::string wrong = message;
      wrong[count] = number;
      EXPECT_EQ(Handle(wrong), Verdict::kReply);
      EXPECT_EQ(rcode(), LDNS_RCODE_FORMERR) << count;
    }
  }
  EXPECT_EQ(Handle(message + "x"), Verdict::kReply);
  EXPECT_EQ(rcode(), LDNS_RCODE_FORMERR);
}

TEST_F(ResponderTest, WhatIsNoQueryIsDropped) {
  const std::string message = MakeQuery("web.vm.", LDNS_RR_TYPE_A);
  for (std::size_t size = 0; size < 12; ++size) EXPECT_EQ(Handle(message.substr(0, size)), Verdict::kDrop);
  std::string answer = message;
  answer[2] = static_cast<char>(answer[2] | 0x80);
  EXPECT_EQ(Handle(answer), Verdict::kDrop);
}

TEST_F(ResponderTest, CutAndCrookedNamesAreFormatErrors) {
  const std::string message = MakeQuery("web.vm.", LDNS_RR_TYPE_A);
  for (std::size_t size = 12; size < message.size(); ++size) {
    EXPECT_EQ(Handle(message.substr(0, size)), Verdict::kReply);
    EXPECT_EQ(rcode(), LDNS_RCODE_FORMERR) << size;
  }
  // A pointer to itself, one forward, a label of 64, of a reserved kind.
  for (const char* name : {"\xc0\x0c", "\xc0\x20", "\x40", "\x80"}) {
    std::string crooked = message;
    crooked.replace(12, 2, std::string(name, 1) + (name[1] != 0 ? name[1] : 'x'));
    EXPECT_EQ(Handle(crooked), Verdict::kReply);
    EXPECT_EQ(rcode(), LDNS_RCODE_FORMERR);
  }
  std::string endless = message.substr(0, 12);
  for (int i = 0; i < 40; ++i) endless += std::string("\7abcdefg", 8);
  endless += std::string("\0\0\1\0\1", 5);
  EXPECT_EQ(Handle(endless), Verdict::kReply);
  EXPECT_EQ(rcode(), LDNS_RCODE_FORMERR);
}

TEST_F(ResponderTest, TheLongestNameFitsIntoAReply) {
  std::string name;
  for (int i = 0; i < 3; ++i) absl::StrAppend(&name, std::string(63, 'a'), ".");
  absl::StrAppend(&name, std::string(58, 'b'), ".vm.");
  EXPECT_EQ(AnswerTo(name, LDNS_RR_TYPE_A), "");
  EXPECT_EQ(rcode(), LDNS_RCODE_NXDOMAIN);
  EXPECT_LE(reply_.size(), kMaxOwnReply);
}

TEST_F(ResponderTest, WithoutRecursionDesiredNobodyElseIsAsked) {
  std::string message = MakeQuery("example.org.", LDNS_RR_TYPE_A);
  message[2] = 0;
  EXPECT_EQ(Handle(message), Verdict::kReply);
  EXPECT_EQ(rcode(), LDNS_RCODE_REFUSED);
}

}  // namespace
}  // namespace banger::netd::dns
