// Replies that we write ourselves; those of upstreams are in answer.h.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "services/netd/dns/query.h"
#include "services/netd/dns/wire.h"

namespace banger::netd::dns {

// No reply of ours is longer: a question, two records with names of at most 70
// bytes, OPT.
inline constexpr std::size_t kMaxOwnReply = 512;

// Writes one reply: header and question at once, then records in the order of
// their sections, then Finish.
class Reply {
 public:
  // `buffer` has kMaxOwnReply bytes. `flags` beside those that a reply has from
  // its query: kFlagAuthoritative, kFlagRecursionAvailable, kFlagTruncated.
  Reply(const Query& query, std::uint16_t flags, char* buffer);

  // The owner of a record is the question's name without its first `skip`
  // bytes (which end at a label), pointed to and so in the question's case.
  // Returns where to write the data.
  Writer& Answer(std::size_t skip, Type type, std::uint32_t ttl, std::uint16_t data_size);
  Writer& Authority(std::size_t skip, Type type, std::uint32_t ttl, std::uint16_t data_size);

  // Its size. An error code of EDNS (RFC 8914) goes along where the client can
  // read it; kNoExtendedError: none.
  static constexpr int kNoExtendedError = -1;
  std::size_t Finish(Rcode rcode, int extended_error = kNoExtendedError);

  // Points to the question's name from its byte `skip` on.
  static std::uint16_t PointerIntoQuestion(std::size_t skip);

 private:
  Writer& Record(std::size_t skip, Type type, std::uint32_t ttl, std::uint16_t data_size);

  const Query& query_;
  Writer writer_;
  std::uint16_t flags_;
  std::uint16_t answers_ = 0;
  std::uint16_t authorities_ = 0;
};

// What answers `query` with OPT costs at the end.
inline constexpr std::size_t kOptSize = 11;

// OPT as it belongs into a reply to `query`.
void PutOpt(const Query& query, Rcode rcode, Writer* writer);

// Flags of the header of any reply to `query`.
std::uint16_t ReplyFlags(const Query& query, std::uint16_t flags, Rcode rcode);

}  // namespace banger::netd::dns
