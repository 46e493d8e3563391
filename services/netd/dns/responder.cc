#include "services/netd/dns/responder.h"

#include "services/netd/dns/reply.h"

namespace banger::netd::dns {
namespace {

// RFC 8914.
constexpr int kNotAuthoritative = 20;

// To ANY for a name that is not ours (RFC 8482): no upstream is asked, and the
// answer is of little use for amplification.
std::size_t AnswerAny(const Query& query, std::uint16_t flags, char* buffer) {
  constexpr absl::string_view kHinfo("\7RFC8482\0", 9);
  constexpr std::uint32_t kHinfoTtl = 3600;
  Reply reply(query, flags, buffer);
  reply.Answer(0, kTypeHinfo, kHinfoTtl, kHinfo.size()).PutBytes(kHinfo);
  return reply.Finish(kNoError);
}

bool IsMeta(std::uint16_t type) { return type >= kTypeFirstMeta && type < kTypeAny; }

}  // namespace

Verdict Responder::Handle(absl::string_view message, const Client& client, Query* query, char* buffer,
                          std::size_t* size) const {
  Rcode problem = kNoError;
  if (!ParseQuery(message, query, &problem)) return Verdict::kDrop;
  const std::uint16_t flags = client.is_guest ? kFlagRecursionAvailable : 0;
  if (problem == kNoError && (query->qclass != kClassIn || IsMeta(query->type) || query->type == kTypeOpt))
    problem = kRefused;
  if (problem != kNoError) {
    *size = Reply(*query, flags, buffer).Finish(problem);
    return Verdict::kReply;
  }
  *size = authority_.Answer(*query, flags, buffer);
  if (*size > 0) return Verdict::kReply;
  if (!client.is_guest || (query->flags & kFlagRecursionDesired) == 0) {
    *size = Reply(*query, flags, buffer).Finish(kRefused, kNotAuthoritative);
    return Verdict::kReply;
  }
  if (query->type == kTypeAny) {
    *size = AnswerAny(*query, flags, buffer);
    return Verdict::kReply;
  }
  return Verdict::kForward;
}

}  // namespace banger::netd::dns
