#include "services/gateway/adapters/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/error.h"
#include "common/tls/openssl.h"

namespace banger::gateway {
namespace {

using Addresses = std::unique_ptr<addrinfo, FreeWith<::freeaddrinfo>>;

absl::StatusOr<Addresses> Parse(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, std::min(colon, address.size()));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const addrinfo hints{.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                       .ai_family = bracketed ? AF_INET6 : AF_INET,
                       .ai_socktype = SOCK_STREAM,
                       .ai_protocol = 0,
                       .ai_addrlen = 0,
                       .ai_addr = nullptr,
                       .ai_canonname = nullptr,
                       .ai_next = nullptr};
  addrinfo* found = nullptr;
  if (colon == std::string::npos || colon + 1 == address.size() || host.empty() ||
      ::getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &found) != 0)
    return absl::InvalidArgumentError(
        absl::StrCat("'", address, "' is no address and port, as 0.0.0.0:7443 or [::]:7443"));
  return Addresses(found);
}

bool Bind(int fd, const addrinfo& to, const std::string& address) {
  if (::bind(fd, to.ai_addr, to.ai_addrlen) == 0) return true;
  if (errno != EADDRNOTAVAIL) return false;
  log::Warn("no interface of this host has the address yet", {{"address", address}});
  const int on = 1;
  const bool v6 = to.ai_family == AF_INET6;
  return ::setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on, sizeof on) ==
             0 &&
         ::bind(fd, to.ai_addr, to.ai_addrlen) == 0;
}

}  // namespace

absl::StatusOr<UniqueFd> ListenTcp(const std::string& address) {
  const absl::StatusOr<Addresses> parsed = Parse(address);
  if (!parsed.ok()) return parsed.status();
  const addrinfo& found = **parsed;
  UniqueFd fd(::socket(found.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      (found.ai_family == AF_INET6 &&
       ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
      !Bind(fd.get(), found, address) || ::listen(fd.get(), SOMAXCONN) < 0)
    return ErrnoError(errno, absl::StrCat("listen at '", address, "'"));
  return fd;
}

std::uint16_t PortOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) < 0) return 0;
  return address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port)
                                       : ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

UniqueFd AcceptTcp(int listener, std::string& host) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  UniqueFd fd(
      ::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return fd;
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  char text[NI_MAXHOST] = {};
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) == 0)
    host = text;
  return fd;
}

std::string NetworkOf(const std::string& address) {
  in6_addr bytes{};
  if (::inet_pton(AF_INET6, address.substr(0, address.find('%')).c_str(), &bytes) != 1) return address;
  std::fill(std::begin(bytes.s6_addr) + 8, std::end(bytes.s6_addr), std::uint8_t{0});
  char text[INET6_ADDRSTRLEN] = {};
  return absl::StrCat(::inet_ntop(AF_INET6, &bytes, text, sizeof text), "/64");
}

}  // namespace banger::gateway
