// A client's query, as far as a server has to understand it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "services/netd/dns/wire.h"

namespace banger::netd::dns {

// Points into the message that it was parsed from.
struct Query {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;  // as in the header

  // The question as sent, with type and class; empty unless there is exactly one.
  absl::string_view question;
  // The question's name in wire format and lower case.
  std::array<char, kMaxNameSize> name_bytes;
  std::size_t name_size = 0;
  std::uint16_t type = 0;
  std::uint16_t qclass = 0;

  // EDNS (RFC 6891).
  bool has_edns = false;
  std::uint8_t edns_version = 0;
  bool dnssec_ok = false;
  std::uint16_t udp_size = kPlainUdpSize;

  absl::string_view name() const { return {name_bytes.data(), name_size}; }
};

// True for what deserves an answer; `problem` is then the error that it is, or
// kNoError. False for what must be dropped: no whole header, or itself an answer.
// Bytes of any kind are fine.
bool ParseQuery(absl::string_view message, Query* query, Rcode* problem);

// "www.example.org" for a name in wire format; bytes that are no letters, digits,
// '-' or '_' are escaped (\DDD). "." for the root.
std::string NameToText(absl::string_view wire_name);

}  // namespace banger::netd::dns
