// What an upstream answered, checked and ready to be passed on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/netd/core/address.h"
#include "services/netd/dns/query.h"

namespace banger::netd::dns {

// Immutable.
class Answer {
 public:
  // ldns takes the message apart and puts it together again, so that guests get
  // nothing but well-formed records. Null when it is malformed, or no answer to
  // `question` (name, type and class as in a query; case does not matter). The
  // id is the caller's to compare.
  static std::shared_ptr<const Answer> Parse(absl::string_view message, absl::string_view question);

  Rcode rcode() const { return rcode_; }
  bool truncated() const { return truncated_; }
  // The server knows no EDNS.
  bool without_edns() const { return without_edns_; }
  // In seconds: the least of its TTLs; that of the SOA for a negative answer. 0:
  // not to be kept.
  std::uint32_t lifetime() const { return lifetime_; }
  // Of its A and AAAA records.
  const std::vector<IpAddress>& addresses() const { return addresses_; }
  // Where its CNAMEs lead: "www.example.org", in lower case; of the first 16.
  const std::vector<std::string>& aliases() const { return aliases_; }
  // What it takes in memory, about.
  std::size_t size() const { return message_.size(); }

  // The reply to `query` (which has the same question) after `age` seconds; only
  // its head, marked as truncated, when it is longer than `limit`.
  std::string Render(const Query& query, std::uint32_t age, std::size_t limit) const;

 private:
  Answer() = default;
  bool IndexRecords();

  std::string message_;  // without OPT
  std::vector<std::uint16_t> ttl_offsets_;
  Rcode rcode_ = kServerFailure;
  bool truncated_ = false;
  bool without_edns_ = false;
  std::uint16_t flags_ = 0;
  std::uint32_t lifetime_ = 0;
  std::vector<IpAddress> addresses_;
  std::vector<std::string> aliases_;
};

}  // namespace banger::netd::dns
