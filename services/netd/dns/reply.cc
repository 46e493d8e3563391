#include "services/netd/dns/reply.h"

namespace banger::netd::dns {
namespace {

constexpr std::uint16_t kOptionExtendedError = 15;

}  // namespace

std::uint16_t ReplyFlags(const Query& query, std::uint16_t flags, Rcode rcode) {
  const std::uint16_t kept = query.flags & (kOpcodeMask | kFlagRecursionDesired | kFlagCheckingDisabled);
  return kFlagResponse | kept | flags | (rcode & kRcodeMask);
}

void PutOpt(const Query& query, Rcode rcode, Writer* writer) {
  writer->Put8(0);
  writer->Put16(kTypeOpt);
  writer->Put16(kUdpSize);
  writer->Put8(static_cast<std::uint8_t>(rcode >> 4));
  writer->Put8(0);
  writer->Put16(query.dnssec_ok ? kEdnsFlagDnssecOk : 0);
  writer->Put16(0);
}

Reply::Reply(const Query& query, std::uint16_t flags, char* buffer)
    : query_(query), writer_(buffer), flags_(flags) {
  writer_.Put16(query.id);
  writer_.Put16(0);
  writer_.Put16(query.question.empty() ? 0 : 1);
  writer_.Put16(0);
  writer_.Put32(0);
  writer_.PutBytes(query.question);
}

std::uint16_t Reply::PointerIntoQuestion(std::size_t skip) {
  return static_cast<std::uint16_t>(0xc000 | (kHeaderSize + skip));
}

Writer& Reply::Answer(std::size_t skip, Type type, std::uint32_t ttl, std::uint16_t data_size) {
  ++answers_;
  return Record(skip, type, ttl, data_size);
}

Writer& Reply::Authority(std::size_t skip, Type type, std::uint32_t ttl, std::uint16_t data_size) {
  ++authorities_;
  return Record(skip, type, ttl, data_size);
}

Writer& Reply::Record(std::size_t skip, Type type, std::uint32_t ttl, std::uint16_t data_size) {
  writer_.Put16(PointerIntoQuestion(skip));
  writer_.Put16(type);
  writer_.Put16(kClassIn);
  writer_.Put32(ttl);
  writer_.Put16(data_size);
  return writer_;
}

std::size_t Reply::Finish(Rcode rcode, int extended_error) {
  char* const header = writer_.begin();
  Write16(header + 2, ReplyFlags(query_, flags_, rcode));
  Write16(header + 6, answers_);
  Write16(header + 8, authorities_);
  if (!query_.has_edns) return writer_.size();
  Write16(header + 10, 1);
  PutOpt(query_, rcode, &writer_);
  if (extended_error == kNoExtendedError) return writer_.size();
  Write16(header + writer_.size() - 2, 6);  // of OPT's data
  writer_.Put16(kOptionExtendedError);
  writer_.Put16(2);
  writer_.Put16(static_cast<std::uint16_t>(extended_error));
  return writer_.size();
}

}  // namespace banger::netd::dns
