// Answers for the names that are ours: .vm and the guests' reverse names.
#pragma once

#include <cstdint>

#include "services/netd/core/address.h"
#include "services/netd/dns/query.h"
#include "services/netd/dns/zone.h"

namespace banger::netd::dns {

// In seconds. Short, as guests come and go; a name that is not there may be
// there in a moment.
inline constexpr std::uint32_t kTtl = 5;
inline constexpr std::uint32_t kNegativeTtl = 1;

struct ReverseTree;

// Below .vm there is one label for each guest that runs. Reverse names are ours
// as far as they lie in the subnet; their zone is cut at the octet (RFC 1035),
// so a /20 has sixteen. AAAA and ip6.arpa are there where the subnet has IPv6.
// Thread-safe.
class Authority {
 public:
  // `zone` must outlive it.
  Authority(const Subnet& subnet, const Zone& zone) : subnet_(subnet), zone_(zone) {}

  // Writes the reply into `buffer` (kMaxOwnReply) and returns its size; 0 when
  // the name is not ours. The query has one question, of class IN. `flags` as
  // in Reply.
  std::size_t Answer(const Query& query, std::uint16_t flags, char* buffer) const;

 private:
  std::size_t AnswerForward(const Query& query, std::uint16_t flags, char* buffer) const;
  std::size_t AnswerReverse(const Query& query, const ReverseTree& tree, std::uint16_t flags,
                            char* buffer) const;

  const Subnet subnet_;
  const Zone& zone_;
};

}  // namespace banger::netd::dns
