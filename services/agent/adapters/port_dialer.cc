#include "services/agent/adapters/port_dialer.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/agent/errors.h"

namespace banger::agent {
namespace {

// Within the guest an answer takes no time; a full backlog may.
constexpr int kConnectMs = 5000;
// An ICMP refusal on the same machine is there before send returns.
constexpr int kRefusalMs = 20;

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
};

Target To4(in_addr address, int port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr = address;
  in.sin_port = htons(static_cast<std::uint16_t>(port));
  Target target{.size = sizeof in};
  std::memcpy(&target.address, &in, sizeof in);
  return target;
}

Target Loopback6(int port) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_addr = in6addr_loopback;
  in.sin6_port = htons(static_cast<std::uint16_t>(port));
  Target target{.size = sizeof in};
  std::memcpy(&target.address, &in, sizeof in);
  return target;
}

std::vector<Target> Targets(int port) {
  std::vector<Target> targets = {To4({htonl(INADDR_LOOPBACK)}, port), Loopback6(port)};
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) return targets;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> addresses(raw, &::freeifaddrs);
  for (const ifaddrs* entry = raw; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET ||
        (entry->ifa_flags & IFF_LOOPBACK) != 0)
      continue;
    sockaddr_in in{};
    std::memcpy(&in, entry->ifa_addr, sizeof in);
    targets.push_back(To4(in.sin_addr, port));
  }
  return targets;
}

int ErrorOf(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

bool Connect(int socket, const Target& target) {
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&target.address), target.size) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd poll{socket, POLLOUT, 0};
  return ::poll(&poll, 1, kConnectMs) == 1 && ErrorOf(socket) == 0;
}

}  // namespace

absl::StatusOr<UniqueFd> DialTcp(int port) {
  for (const Target& target : Targets(port)) {
    UniqueFd socket(::socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid() || !Connect(socket.get(), target)) continue;
    const int one = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return socket;
  }
  return PortRefused(port);
}

absl::StatusOr<UniqueFd> DialUdp(int port, absl::string_view first) {
  for (const Target& target : Targets(port)) {
    UniqueFd socket(::socket(target.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid() || !Connect(socket.get(), target)) continue;
    if (::send(socket.get(), first.data(), first.size(), MSG_NOSIGNAL) < 0) continue;
    pollfd poll{socket.get(), POLLIN, 0};
    if (::poll(&poll, 1, kRefusalMs) == 1 && ErrorOf(socket.get()) != 0) continue;
    return socket;
  }
  return PortRefused(port);
}

}  // namespace banger::agent
