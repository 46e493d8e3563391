#include "services/netd/dns/answer.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "services/netd/dns/ldns.h"
#include "services/netd/dns/reply.h"

namespace banger::netd::dns {
namespace {

constexpr std::uint32_t kMaxLifetime = 86400;
constexpr std::uint32_t kMaxNegativeLifetime = 900;

struct FreePacket {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, FreePacket>;

Packet Decode(absl::string_view message) {
  ldns_pkt* packet = nullptr;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(message.data());
  if (ldns_wire2pkt(&packet, bytes, message.size()) != LDNS_STATUS_OK) return nullptr;
  return Packet(packet);
}

std::string Encode(const ldns_pkt& packet) {
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&bytes, &packet, &size) != LDNS_STATUS_OK) return "";
  std::string message(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return message;
}

// The header's and the question's bytes tell more plainly than ldns.
bool Answers(absl::string_view message, absl::string_view question) {
  if (message.size() < kHeaderSize + question.size()) return false;
  const std::uint16_t flags = Read16(message.data() + 2);
  return (flags & kFlagResponse) != 0 && (flags & kOpcodeMask) == 0 && Read16(message.data() + 4) == 1 &&
         absl::EqualsIgnoreCase(message.substr(kHeaderSize, question.size() - 4),
                                question.substr(0, question.size() - 4)) &&
         message.substr(kHeaderSize + question.size() - 4, 4) == question.substr(question.size() - 4);
}

// A TTL with the highest bit set is none (RFC 2181).
std::uint32_t TtlOf(const ldns_rr* record) {
  const std::uint32_t ttl = ldns_rr_ttl(record);
  return ttl > 0x7fffffff ? 0 : ttl;
}

std::uint32_t NegativeLifetime(const ldns_rr_list* authority) {
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(authority); ++i) {
    const ldns_rr* record = ldns_rr_list_rr(authority, i);
    if (ldns_rr_get_type(record) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(record) != 7) continue;
    const std::uint32_t minimum = ldns_rdf2native_int32(ldns_rr_rdf(record, 6));
    return std::min({TtlOf(record), minimum, kMaxNegativeLifetime});
  }
  return 0;
}

std::uint32_t PositiveLifetime(const ldns_pkt& packet) {
  std::uint32_t lifetime = kMaxLifetime;
  for (const ldns_rr_list* section :
       {ldns_pkt_answer(&packet), ldns_pkt_authority(&packet), ldns_pkt_additional(&packet)}) {
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(section); ++i)
      lifetime = std::min(lifetime, TtlOf(ldns_rr_list_rr(section, i)));
  }
  return lifetime;
}

bool HasType(const ldns_rr_list* section, std::uint16_t type) {
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(section); ++i)
    if (ldns_rr_get_type(ldns_rr_list_rr(section, i)) == type) return true;
  return false;
}

std::uint32_t LifetimeOf(const ldns_pkt& packet, std::uint16_t asked) {
  const bool name_error = ldns_pkt_get_rcode(&packet) == LDNS_RCODE_NXDOMAIN;
  if (!name_error && ldns_pkt_get_rcode(&packet) != LDNS_RCODE_NOERROR) return 0;
  // Without the type that was asked for, a chain of aliases leads nowhere.
  if (!name_error && HasType(ldns_pkt_answer(&packet), asked)) return PositiveLifetime(packet);
  return std::min(NegativeLifetime(ldns_pkt_authority(&packet)), PositiveLifetime(packet));
}

std::vector<IpAddress> AddressesIn(const ldns_rr_list* answers) {
  std::vector<IpAddress> addresses;
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(answers); ++i) {
    const ldns_rr* record = ldns_rr_list_rr(answers, i);
    const ldns_rr_type type = ldns_rr_get_type(record);
    if ((type != LDNS_RR_TYPE_A && type != LDNS_RR_TYPE_AAAA) || ldns_rr_rd_count(record) != 1) continue;
    const ldns_rdf* data = ldns_rr_rdf(record, 0);
    IpAddress::Bytes bytes{};
    if (type == LDNS_RR_TYPE_A && ldns_rdf_size(data) == 4) {
      addresses.emplace_back(Ipv4(Read32(reinterpret_cast<const char*>(ldns_rdf_data(data)))));
    } else if (type == LDNS_RR_TYPE_AAAA && ldns_rdf_size(data) == bytes.size()) {
      std::copy_n(ldns_rdf_data(data), bytes.size(), bytes.begin());
      addresses.emplace_back(bytes);
    }
  }
  return addresses;
}

std::vector<std::string> AliasesIn(const ldns_rr_list* answers) {
  constexpr std::size_t kMaxAliases = 16;
  std::vector<std::string> aliases;
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(answers) && aliases.size() < kMaxAliases; ++i) {
    const ldns_rr* record = ldns_rr_list_rr(answers, i);
    if (ldns_rr_get_type(record) != LDNS_RR_TYPE_CNAME || ldns_rr_rd_count(record) != 1) continue;
    const ldns_rdf* target = ldns_rr_rdf(record, 0);
    const absl::string_view name(reinterpret_cast<const char*>(ldns_rdf_data(target)), ldns_rdf_size(target));
    aliases.push_back(absl::AsciiStrToLower(NameToText(name)));
  }
  return aliases;
}

// Steps over a name of a message that ldns has written.
std::size_t NameSize(absl::string_view message, std::size_t at) {
  const std::size_t begin = at;
  while (at < message.size()) {
    const auto length = static_cast<unsigned char>(message[at]);
    if (length >= 0xc0) return at + 2 - begin;
    at += 1 + std::size_t{length};
    if (length == 0) break;
  }
  return at - begin;
}

}  // namespace

std::shared_ptr<const Answer> Answer::Parse(absl::string_view message, absl::string_view question) {
  if (!Answers(message, question)) return nullptr;
  const Packet packet = Decode(message);
  if (packet == nullptr) return nullptr;
  std::shared_ptr<Answer> answer(new Answer());
  answer->flags_ = Read16(message.data() + 2) & kFlagAuthenticData;
  answer->truncated_ = ldns_pkt_tc(packet.get());
  answer->without_edns_ = !ldns_pkt_edns(packet.get());
  answer->rcode_ = ldns_pkt_edns_extended_rcode(packet.get()) != 0
                       ? kServerFailure
                       : static_cast<Rcode>(ldns_pkt_get_rcode(packet.get()));
  answer->lifetime_ = LifetimeOf(*packet, Read16(question.data() + question.size() - 4));
  answer->addresses_ = AddressesIn(ldns_pkt_answer(packet.get()));
  answer->aliases_ = AliasesIn(ldns_pkt_answer(packet.get()));
  answer->message_ = Encode(*packet);
  if (!answer->IndexRecords()) return nullptr;
  return answer;
}

bool Answer::IndexRecords() {
  if (message_.size() < kHeaderSize || message_.size() > kMaxMessageSize) return false;
  std::size_t at = kHeaderSize + NameSize(message_, kHeaderSize) + 4;
  const int records = Read16(&message_[6]) + Read16(&message_[8]) + Read16(&message_[10]);
  for (int i = 0; i < records; ++i) {
    const std::size_t begin = at;
    at += NameSize(message_, at);
    if (at + 10 > message_.size()) return false;
    // Between neighbours only: each client gets one of its own. ldns writes it last.
    if (Read16(&message_[at]) == kTypeOpt) {
      message_.resize(begin);
      Write16(&message_[10], static_cast<std::uint16_t>(Read16(&message_[10]) - 1));
      return i + 1 == records;
    }
    ttl_offsets_.push_back(static_cast<std::uint16_t>(at + 4));
    at += std::size_t{10} + Read16(&message_[at + 8]);
  }
  return at == message_.size();
}

std::string Answer::Render(const Query& query, std::uint32_t age, std::size_t limit) const {
  const std::size_t full = message_.size() + (query.has_edns ? kOptSize : 0);
  const bool cut = full > limit;
  std::string reply = cut ? message_.substr(0, kHeaderSize + query.question.size()) : message_;
  if (cut) reply.replace(6, 6, 6, '\0');
  const bool wants_authentic = query.dnssec_ok || (query.flags & kFlagAuthenticData) != 0;
  std::uint16_t flags = kFlagRecursionAvailable;
  if (wants_authentic) flags |= flags_;
  if (cut || truncated_) flags |= kFlagTruncated;
  Write16(&reply[0], query.id);
  Write16(&reply[2], ReplyFlags(query, flags, rcode_));
  // The same name; this client's case.
  reply.replace(kHeaderSize, query.question.size(), query.question.data(), query.question.size());
  if (!cut)
    for (const std::uint16_t offset : ttl_offsets_) {
      const std::uint32_t ttl = Read32(&reply[offset]);
      Write32(&reply[offset], ttl > 0x7fffffff || ttl < age ? 0 : ttl - age);
    }
  if (!query.has_edns) return reply;
  Write16(&reply[10], static_cast<std::uint16_t>(Read16(&reply[10]) + 1));
  const std::size_t size = reply.size();
  reply.resize(size + kOptSize);
  Writer writer(&reply[size]);
  PutOpt(query, rcode_, &writer);
  return reply;
}

}  // namespace banger::netd::dns
