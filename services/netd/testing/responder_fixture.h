// What is answered out of the zone, read back by ldns.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "services/netd/dns/reply.h"
#include "services/netd/dns/responder.h"
#include "services/netd/testing/dns_messages.h"

namespace banger::netd::dns {

inline Subnet MakeSubnet(const char* gateway, int prefix) {
  return *Subnet::Create(*Ipv4::Parse(gateway), prefix);
}

class ResponderTest : public ::testing::Test {
 protected:
  explicit ResponderTest(const Subnet& subnet = MakeSubnet("172.30.0.1", 24)) : responder_(subnet, zone_) {
    zone_.Publish("web", *Ipv4::Parse("172.30.0.2"));
    zone_.Publish(std::string(63, 'x'), *Ipv4::Parse("172.30.0.3"));
  }

  Verdict Handle(absl::string_view message) {
    std::size_t size = 0;
    Query query;
    char buffer[kMaxOwnReply];
    const Verdict verdict = responder_.Handle(message, client_, &query, buffer, &size);
    reply_ = verdict == Verdict::kReply ? std::string(buffer, size) : "";
    packet_ = ParseMessage(reply_);
    EXPECT_EQ(packet_ == nullptr, verdict != Verdict::kReply);
    return verdict;
  }
  Verdict Ask(const std::string& name, ldns_rr_type type, std::uint16_t udp_size = 0) {
    return Handle(MakeQuery(name, type, udp_size));
  }

  std::string AnswerTo(const std::string& name, ldns_rr_type type) {
    return Ask(name, type) == Verdict::kReply ? SectionText(ldns_pkt_answer(packet_.get())) : "no reply";
  }
  std::string Authority() const { return SectionText(ldns_pkt_authority(packet_.get())); }
  ldns_pkt_rcode rcode() const { return ldns_pkt_get_rcode(packet_.get()); }
  int ExtendedRcode() const { return ldns_pkt_edns_extended_rcode(packet_.get()) << 4 | rcode(); }

  Zone zone_{5};
  const Responder responder_;
  Client client_{.address = *Ipv4::Parse("172.30.0.2"), .is_guest = true};
  std::string reply_;
  LdnsPacket packet_;
};

}  // namespace banger::netd::dns
