#include "services/netd/dns/authority.h"

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/netd/dns/reply.h"

namespace banger::netd::dns {

// Where the reverse names of a family are, and what each label says of the address.
struct ReverseTree {
  Family family;
  absl::string_view suffix;
  int label_bits;
};

namespace {

constexpr ReverseTree kReverseTrees[] = {{Family::kIpv4, absl::string_view("\7in-addr\4arpa\0", 14), 8},
                                         {Family::kIpv6, absl::string_view("\3ip6\4arpa\0", 10), 4}};

// With its root label, as names end in the wire format.
constexpr absl::string_view kApex("\2vm\0", 4);
// As RFC 6303 has it for zones without servers of their own.
constexpr absl::string_view kResponsible("\6nobody\7invalid\0", 16);

constexpr std::uint32_t kRefresh = 3600;
constexpr std::uint32_t kRetry = 1200;
constexpr std::uint32_t kExpire = 604800;

enum class Section { kAnswer, kAuthority };

// The zone's name is that of the question without its first `apex` bytes.
void PutSoa(Section section, std::size_t apex, std::uint32_t serial, Reply* reply) {
  constexpr std::uint16_t kSize = 2 + kResponsible.size() + 5 * 4;
  Writer& data = section == Section::kAnswer ? reply->Answer(apex, kTypeSoa, kTtl, kSize)
                                             : reply->Authority(apex, kTypeSoa, kNegativeTtl, kSize);
  data.Put16(Reply::PointerIntoQuestion(apex));
  data.PutBytes(kResponsible);
  for (const std::uint32_t number : {serial, kRefresh, kRetry, kExpire, kNegativeTtl}) data.Put32(number);
}

std::size_t Negative(Rcode rcode, std::size_t apex, std::uint32_t serial, Reply* reply) {
  PutSoa(Section::kAuthority, apex, serial, reply);
  return reply->Finish(rcode);
}

// What is at the name of a zone itself: SOA and NS.
std::size_t AnswerApex(const Query& query, std::size_t apex, std::uint32_t serial, Reply* reply) {
  if (query.type == kTypeSoa || query.type == kTypeAny) {
    PutSoa(Section::kAnswer, apex, serial, reply);
  } else if (query.type == kTypeNs) {
    reply->Answer(apex, kTypeNs, kTtl, 2).Put16(Reply::PointerIntoQuestion(apex));
  } else {
    return Negative(kNoError, apex, serial, reply);
  }
  return reply->Finish(kNoError);
}

// A name in such a tree, read from its right end.
struct ReverseName {
  IpAddress address;                               // as far as it is known; then zeros
  int known = 0;                                   // bits
  std::array<std::size_t, kMaxNameSize> begins{};  // of the names with that many bits known
  bool more = false;                               // there are labels that say nothing of an address
};

// A decimal octet or a hexadecimal digit.
bool ParseLabel(absl::string_view label, int bits, std::uint8_t* value) {
  std::uint32_t number = 0;
  const bool is_number = bits == 8 ? absl::SimpleAtoi(label, &number) && absl::StrCat(number) == label
                                   : absl::SimpleHexAtoi(label, &number) && label.size() == 1;
  if (!is_number || number >> bits != 0) return false;
  *value = static_cast<std::uint8_t>(number);
  return true;
}

ReverseName ParseReverse(absl::string_view name, const ReverseTree& tree) {
  std::array<std::size_t, kMaxNameSize / 2 + 1> begins;
  std::size_t labels = 0;
  const std::size_t end = name.size() - tree.suffix.size();
  for (std::size_t at = 0; at < end; at += 1 + static_cast<unsigned char>(name[at])) begins[labels++] = at;
  ReverseName reverse;
  reverse.begins[0] = end;
  IpAddress::Bytes bytes{};
  while (labels > 0) {
    const std::size_t begin = begins[labels - 1];
    const absl::string_view label = name.substr(begin + 1, static_cast<unsigned char>(name[begin]));
    std::uint8_t value = 0;
    if (reverse.known == AddressLength(tree.family) || !ParseLabel(label, tree.label_bits, &value)) break;
    const int shift = 8 - tree.label_bits - reverse.known % 8;
    bytes[static_cast<std::size_t>(reverse.known / 8)] |= static_cast<std::uint8_t>(value << shift);
    reverse.known += tree.label_bits;
    reverse.begins[static_cast<std::size_t>(reverse.known)] = begin;
    --labels;
  }
  reverse.more = labels > 0;
  reverse.address = tree.family == Family::kIpv6
                        ? IpAddress(bytes)
                        : IpAddress(Ipv4(Read32(reinterpret_cast<const char*>(bytes.data()))));
  return reverse;
}

// Of the zones that the network's reverse names are in, cut at the octet (RFC 1035).
int ZoneBits(const Prefix& network) {
  if (network.family() == Family::kIpv6) return network.length();
  return network.length() == 16 ? 16 : 24;
}

// Whether a whole label begins where the suffix does.
bool EndsWithName(absl::string_view name, absl::string_view suffix) {
  if (!absl::EndsWith(name, suffix)) return false;
  std::size_t at = 0;
  while (at < name.size() - suffix.size()) at += 1 + static_cast<unsigned char>(name[at]);
  return at == name.size() - suffix.size();
}

}  // namespace

std::size_t Authority::Answer(const Query& query, std::uint16_t flags, char* buffer) const {
  flags |= kFlagAuthoritative;
  if (EndsWithName(query.name(), kApex)) return AnswerForward(query, flags, buffer);
  for (const ReverseTree& tree : kReverseTrees)
    if (EndsWithName(query.name(), tree.suffix)) return AnswerReverse(query, tree, flags, buffer);
  return 0;
}

std::size_t Authority::AnswerForward(const Query& query, std::uint16_t flags, char* buffer) const {
  Reply reply(query, flags, buffer);
  const absl::string_view name = query.name();
  const std::size_t apex = name.size() - kApex.size();
  if (apex == 0) return AnswerApex(query, apex, zone_.serial(), &reply);
  const std::size_t label_size = static_cast<unsigned char>(name[0]);
  const std::optional<Ipv4> address =
      1 + label_size == apex ? zone_.AddressOf(name.substr(1, label_size)) : std::nullopt;
  if (!address.has_value()) return Negative(kNameError, apex, zone_.serial(), &reply);
  if (query.type == kTypeAaaa && subnet_.has_ipv6()) {
    const IpAddress::Bytes bytes = subnet_.AddressOf(*address, Family::kIpv6).bytes();
    reply.Answer(0, kTypeAaaa, kTtl, bytes.size())
        .PutBytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return reply.Finish(kNoError);
  }
  // To ANY one record is answer enough (RFC 8482).
  if (query.type != kTypeA && query.type != kTypeAny) return Negative(kNoError, apex, zone_.serial(), &reply);
  reply.Answer(0, kTypeA, kTtl, 4).Put32(address->bits());
  return reply.Finish(kNoError);
}

std::size_t Authority::AnswerReverse(const Query& query, const ReverseTree& tree, std::uint16_t flags,
                                     char* buffer) const {
  if (tree.family == Family::kIpv6 && !subnet_.has_ipv6()) return 0;
  const ReverseName reverse = ParseReverse(query.name(), tree);
  const Prefix network = subnet_.NetworkOf(tree.family);
  const Prefix asked = Prefix::Of(reverse.address, reverse.known);
  const int zone_bits = ZoneBits(network);
  // Of a subnet that shares its zone with others only the addresses are ours.
  if (reverse.known < zone_bits || !network.Contains(asked)) return 0;

  Reply reply(query, flags, buffer);
  const std::size_t apex = reverse.begins[static_cast<std::size_t>(zone_bits)];
  if (reverse.more) return Negative(kNameError, apex, zone_.serial(), &reply);
  if (reverse.known == zone_bits) return AnswerApex(query, apex, zone_.serial(), &reply);
  if (reverse.known < AddressLength(tree.family)) {
    const bool leads_to_names = subnet_.MembersOf(tree.family).Overlaps(asked);
    return Negative(leads_to_names ? kNoError : kNameError, apex, zone_.serial(), &reply);
  }
  const std::optional<Ipv4> member = subnet_.MemberWith(reverse.address);
  const std::string hostname = member.has_value() ? zone_.HostnameOf(*member) : "";
  if (hostname.empty()) return Negative(kNameError, apex, zone_.serial(), &reply);
  if (query.type != kTypePtr && query.type != kTypeAny)
    return Negative(kNoError, apex, zone_.serial(), &reply);
  Writer& data =
      reply.Answer(0, kTypePtr, kTtl, static_cast<std::uint16_t>(1 + hostname.size() + kApex.size()));
  data.Put8(static_cast<std::uint8_t>(hostname.size()));
  data.PutBytes(hostname);
  data.PutBytes(kApex);
  return reply.Finish(kNoError);
}

}  // namespace banger::netd::dns
