// What is to be done with a message of a client.
#pragma once

#include "absl/strings/string_view.h"
#include "services/netd/core/address.h"
#include "services/netd/dns/authority.h"
#include "services/netd/dns/query.h"

namespace banger::netd::dns {

// Who asks. Guests may ask for any name; the host's own programs only for ours,
// as the host has its resolver for the others.
struct Client {
  Ipv4 address;
  bool is_guest = false;
};

enum class Verdict { kDrop, kReply, kForward };

// Thread-safe.
class Responder {
 public:
  // `zone` must outlive it.
  Responder(const Subnet& subnet, const Zone& zone) : authority_(subnet, zone) {}

  // `query` points into `message` afterwards. With kReply there are `*size` bytes
  // in `buffer`, which has room for kMaxOwnReply.
  Verdict Handle(absl::string_view message, const Client& client, Query* query, char* buffer,
                 std::size_t* size) const;

 private:
  const Authority authority_;
};

}  // namespace banger::netd::dns
