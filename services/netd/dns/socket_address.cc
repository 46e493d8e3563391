#include "services/netd/dns/socket_address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace banger::netd::dns {
namespace {

absl::Status Invalid(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not an address, nor ADDRESS:PORT (IPv6: [ADDRESS]:PORT)"));
}

}  // namespace

SocketAddress::SocketAddress(Ipv4 address, std::uint16_t port) {
  storage_.v4.sin_family = AF_INET;
  storage_.v4.sin_addr.s_addr = htonl(address.bits());
  storage_.v4.sin_port = htons(port);
}

absl::StatusOr<SocketAddress> SocketAddress::Parse(absl::string_view text, std::uint16_t default_port) {
  std::string host(text);
  std::uint32_t port = default_port;
  const std::size_t colon = text.rfind(':');
  const bool bracketed = absl::StartsWith(text, "[");
  if (bracketed ? absl::StrContains(text, "]:")
                : colon != absl::string_view::npos && text.find(':') == colon) {
    if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port == 0 || port > 65535) return Invalid(text);
    host = std::string(text.substr(0, colon));
  }
  if (bracketed) {
    if (!absl::EndsWith(host, "]")) return Invalid(text);
    host = host.substr(1, host.size() - 2);
  }
  SocketAddress parsed;
  if (!bracketed && ::inet_pton(AF_INET, host.c_str(), &parsed.storage_.v4.sin_addr) == 1) {
    parsed.storage_.v4.sin_family = AF_INET;
    parsed.storage_.v4.sin_port = htons(static_cast<std::uint16_t>(port));
    return parsed;
  }
  const std::size_t percent = host.find('%');
  const std::string scope = percent == std::string::npos ? "" : host.substr(percent + 1);
  if (::inet_pton(AF_INET6, host.substr(0, percent).c_str(), &parsed.storage_.v6.sin6_addr) != 1)
    return Invalid(text);
  parsed.storage_.v6.sin6_family = AF_INET6;
  parsed.storage_.v6.sin6_port = htons(static_cast<std::uint16_t>(port));
  if (!scope.empty()) parsed.storage_.v6.sin6_scope_id = ::if_nametoindex(scope.c_str());
  return parsed;
}

bool SocketAddress::IsLoopback() const {
  return family() == AF_INET ? ntohl(storage_.v4.sin_addr.s_addr) >> 24 == 127
                             : IN6_IS_ADDR_LOOPBACK(&storage_.v6.sin6_addr);
}

std::uint16_t SocketAddress::port() const {
  return ntohs(family() == AF_INET ? storage_.v4.sin_port : storage_.v6.sin6_port);
}

std::string SocketAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    ::inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
    return absl::StrCat(text, ":", port());
  }
  ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
  return absl::StrCat("[", text, "]:", port());
}

bool SocketAddress::operator==(const SocketAddress& other) const {
  if (family() != other.family() || port() != other.port()) return false;
  if (family() == AF_INET) return storage_.v4.sin_addr.s_addr == other.storage_.v4.sin_addr.s_addr;
  return std::memcmp(&storage_.v6.sin6_addr, &other.storage_.v6.sin6_addr, sizeof(in6_addr)) == 0 &&
         storage_.v6.sin6_scope_id == other.storage_.v6.sin6_scope_id;
}

}  // namespace banger::netd::dns
