#include "services/netd/dns/authority.h"

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/netd/dns/reply.h"

namespace banger::netd::dns {
namespace {

// With its root label, as names end in the wire format.
constexpr absl::string_view kApex("\2vm\0", 4);
constexpr absl::string_view kReverseSuffix("\7in-addr\4arpa\0", 14);
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

// A name below in-addr.arpa, read from its right end.
struct ReverseName {
  std::array<std::uint8_t, 4> octets{};  // in the order of the address
  int count = 0;
  std::array<std::size_t, 5> offsets{};  // where the name with that many octets begins
  bool more = false;                     // there are labels that are no octets
};

bool ParseOctet(absl::string_view label, std::uint8_t* octet) {
  std::uint32_t number = 0;
  if (!absl::SimpleAtoi(label, &number) || number > 255 || absl::StrCat(number) != label) return false;
  *octet = static_cast<std::uint8_t>(number);
  return true;
}

ReverseName ParseReverse(absl::string_view name) {
  std::array<std::size_t, kMaxNameSize / 2 + 1> begins;
  std::size_t labels = 0;
  const std::size_t end = name.size() - kReverseSuffix.size();
  for (std::size_t at = 0; at < end; at += 1 + static_cast<unsigned char>(name[at])) begins[labels++] = at;
  ReverseName reverse;
  reverse.offsets[0] = end;
  while (labels > 0) {
    const std::size_t begin = begins[labels - 1];
    const absl::string_view label = name.substr(begin + 1, static_cast<unsigned char>(name[begin]));
    if (reverse.count == 4 || !ParseOctet(label, &reverse.octets[reverse.count])) break;
    reverse.offsets[++reverse.count] = begin;
    --labels;
  }
  reverse.more = labels > 0;
  return reverse;
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
  if (EndsWithName(query.name(), kReverseSuffix)) return AnswerReverse(query, flags, buffer);
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
  // To ANY one record is answer enough (RFC 8482).
  if (query.type != kTypeA && query.type != kTypeAny) return Negative(kNoError, apex, zone_.serial(), &reply);
  reply.Answer(0, kTypeA, kTtl, 4).Put32(address->bits());
  return reply.Finish(kNoError);
}

std::size_t Authority::AnswerReverse(const Query& query, std::uint16_t flags, char* buffer) const {
  const ReverseName reverse = ParseReverse(query.name());
  const int zone_octets = subnet_.prefix_length() == 16 ? 2 : 3;
  if (reverse.count < zone_octets) return 0;
  std::uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) bits = bits << 8 | reverse.octets[static_cast<std::size_t>(i)];
  // Of a subnet that shares its zone with others only the addresses are ours.
  const int known = std::min(reverse.count * 8, 32);
  const Ipv4 last(bits | (known == 32 ? 0 : ~std::uint32_t{0} >> known));
  const auto in_subnet = [this](Ipv4 address) {
    return address >= subnet_.network() && address <= subnet_.broadcast();
  };
  if (!in_subnet(Ipv4(bits)) || !in_subnet(last)) return 0;

  Reply reply(query, flags, buffer);
  const std::size_t apex = reverse.offsets[static_cast<std::size_t>(zone_octets)];
  if (reverse.more) return Negative(kNameError, apex, zone_.serial(), &reply);
  if (reverse.count == zone_octets) return AnswerApex(query, apex, zone_.serial(), &reply);
  if (reverse.count < 4) return Negative(kNoError, apex, zone_.serial(), &reply);
  const std::string hostname = zone_.HostnameOf(Ipv4(bits));
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
