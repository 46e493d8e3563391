#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger::gateway {

// Listens, non-blocking, at "ADDRESS:PORT"; an IPv6 address is in brackets, and "[::]"
// is IPv6 only. An address that the host does not have yet, as before DHCP answers, is
// said in the log and served once it is there. INVALID_ARGUMENT for what is no such
// text: names are not looked up.
absl::StatusOr<UniqueFd> ListenTcp(const std::string& address);

std::uint16_t PortOf(int socket);

// `host` becomes the client's address. Invalid, with errno, when nobody waits.
// Non-blocking and without Nagle's delay.
UniqueFd AcceptTcp(int listener, std::string& host);

// Whom limits take for one: an IPv4 address is itself, of an IPv6 one the first 64 bits
// count, as whoever has one of these has all of them.
std::string NetworkOf(const std::string& address);

}  // namespace banger::gateway
