// DNS messages made and read by ldns, which did not write what it reads here.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "services/netd/dns/ldns.h"

namespace banger::netd {

struct FreeLdnsPacket {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using LdnsPacket = std::unique_ptr<ldns_pkt, FreeLdnsPacket>;

// A query with id 0x1234 and RD; EDNS when `udp_size` is not 0.
inline std::string MakeQuery(const std::string& name, ldns_rr_type type, std::uint16_t udp_size = 0,
                             ldns_rr_class qclass = LDNS_RR_CLASS_IN) {
  const LdnsPacket packet(ldns_pkt_query_new(ldns_dname_new_frm_str(name.c_str()), type, qclass, LDNS_RD));
  ldns_pkt_set_id(packet.get(), 0x1234);
  if (udp_size != 0) ldns_pkt_set_edns_udp_size(packet.get(), udp_size);
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(ldns_pkt2wire(&bytes, packet.get(), &size), LDNS_STATUS_OK);
  std::string message(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return message;
}

// Null when ldns does not understand it.
inline LdnsPacket ParseMessage(absl::string_view message) {
  ldns_pkt* packet = nullptr;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(message.data());
  if (ldns_wire2pkt(&packet, bytes, message.size()) != LDNS_STATUS_OK) return nullptr;
  return LdnsPacket(packet);
}

// An answer as its zone file would have it: blanks between fields, one line for
// each record.
inline std::string SectionText(const ldns_rr_list* section) {
  char* const text = ldns_rr_list2str(section);
  std::string copy(text);
  std::free(text);
  for (char& c : copy)
    if (c == '\t') c = ' ';
  return copy;
}

// An upstream's answer to `query`: the records in zone file form, one for each
// line, in the answer section; those after "authority:" and "additional:" there.
inline std::string MakeAnswer(absl::string_view query, const std::string& records,
                              ldns_pkt_rcode rcode = LDNS_RCODE_NOERROR) {
  const LdnsPacket packet = ParseMessage(query);
  ldns_pkt_set_qr(packet.get(), true);
  ldns_pkt_set_ra(packet.get(), true);
  ldns_pkt_set_rcode(packet.get(), rcode);
  ldns_pkt_section section = LDNS_SECTION_ANSWER;
  for (std::size_t at = 0; at < records.size();) {
    const std::size_t end = std::min(records.find('\n', at), records.size());
    const std::string line = records.substr(at, end - at);
    at = end + 1;
    ldns_rr* record = nullptr;
    if (line == "authority:")
      section = LDNS_SECTION_AUTHORITY;
    else if (line == "additional:")
      section = LDNS_SECTION_ADDITIONAL;
    else if (ldns_rr_new_frm_str(&record, line.c_str(), 0, nullptr, nullptr) == LDNS_STATUS_OK)
      ldns_pkt_push_rr(packet.get(), section, record);
    else
      ADD_FAILURE() << "not a record: " << line;
  }
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(ldns_pkt2wire(&bytes, packet.get(), &size), LDNS_STATUS_OK);
  std::string message(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return message;
}

}  // namespace banger::netd
