#include "services/netd/testing/conversations.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

constexpr int kPatienceMs = 700;

// Of either family, and large enough for both.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;

  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  // Without the form that IPv4 addresses have at sockets of IPv6.
  std::string Text() const {
    char text[NI_MAXHOST] = "";
    ::getnameinfo(generic(), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    return absl::StartsWith(text, "::ffff:") ? text + 7 : text;
  }
};

// Also link-local ones: "fe80::1%eth0".
SocketAddress ParseAddress(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  SocketAddress made;
  if (::getaddrinfo(address.c_str(), absl::StrCat(port).c_str(), &hints, &found) != 0) {
    ADD_FAILURE() << "no address: " << address;
    return made;
  }
  std::memcpy(&made.storage, found->ai_addr, found->ai_addrlen);
  made.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return made;
}

// For both families.
UniqueFd Listen(int type, int port) {
  UniqueFd socket(::socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int one = 1;
  const int zero = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  if (type == SOCK_DGRAM) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
  const SocketAddress any = ParseAddress("::", port);
  if (::bind(socket.get(), any.generic(), any.size) < 0) return UniqueFd();
  if (type == SOCK_STREAM) ::listen(socket.get(), 16);
  return socket;
}

bool IsReady(int fd, short events, int timeout_ms) {
  pollfd poll{fd, events, 0};
  return ::poll(&poll, 1, timeout_ms) > 0;
}

// From the address that was asked, of all that the machine has.
void AnswerDatagram(int socket) {
  char question[64];
  char control[128];
  SocketAddress peer;
  iovec data{question, sizeof question};
  msghdr message{};
  message.msg_name = &peer.storage;
  message.msg_namelen = peer.size;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, 0) < 0) return;
  peer.size = message.msg_namelen;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != IPPROTO_IPV6 || part->cmsg_type != IPV6_PKTINFO) continue;
    in6_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(part), sizeof info);
    info.ipi6_ifindex = 0;  // as routes say
    std::memcpy(CMSG_DATA(part), &info, sizeof info);
  }
  std::string answer = peer.Text();
  data = {answer.data(), answer.size()};
  ::sendmsg(socket, &message, 0);
}

void TellPeer(int connection) {
  SocketAddress peer;
  ::getpeername(connection, peer.generic(), &peer.size);
  const std::string answer = peer.Text();
  ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
}

absl::StatusOr<std::string> Ask(int socket, Protocol protocol, const SocketAddress& to) {
  if (::connect(socket, to.generic(), to.size) < 0 && errno != EINPROGRESS)
    return ErrnoError(errno, "connect");
  if (protocol == Protocol::kUdp) [[maybe_unused]]
    const ssize_t n = ::send(socket, "?", 1, 0);
  if (!IsReady(socket, POLLIN, kPatienceMs)) return absl::DeadlineExceededError("no answer");
  char answer[64];
  const ssize_t n = ::recv(socket, answer, sizeof answer, 0);
  if (n < 0) return ErrnoError(errno, "receive");
  return std::string(answer, static_cast<std::size_t>(n));
}

}  // namespace

WhoAmIServer::WhoAmIServer(const Namespace& where, int port) {
  where.Run([&] {
    tcp_ = Listen(SOCK_STREAM, port);
    udp_ = Listen(SOCK_DGRAM, port);
  });
  if (tcp_.valid() && udp_.valid())
    thread_ = std::jthread([this](const std::stop_token& stop) { Serve(stop); });
}

void WhoAmIServer::Serve(const std::stop_token& stop) const {
  std::vector<UniqueFd> connections;
  while (!stop.stop_requested()) {
    std::vector<pollfd> fds = {{tcp_.get(), POLLIN, 0}, {udp_.get(), POLLIN, 0}};
    for (const UniqueFd& connection : connections) fds.push_back({connection.get(), POLLIN, 0});
    if (::poll(fds.data(), fds.size(), 50) <= 0) continue;
    if (UniqueFd connection(::accept(tcp_.get(), nullptr, nullptr)); connection.valid()) {
      TellPeer(connection.get());
      connections.push_back(std::move(connection));
    }
    AnswerDatagram(udp_.get());
    std::erase_if(connections, [](const UniqueFd& connection) {
      char said[64];
      if (!IsReady(connection.get(), POLLIN, 0)) return false;
      if (::recv(connection.get(), said, sizeof said, 0) <= 0) return true;
      TellPeer(connection.get());
      return false;
    });
  }
}

Conversation::Conversation(const Namespace& from, const std::string& address, int port) {
  from.Run([&] {
    const SocketAddress to = ParseAddress(address, port);
    socket_.Reset(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_TRUE(Ask(socket_.get(), Protocol::kTcp, to).ok());
  });
}

bool Conversation::GoesOn() const {
  char answer[64];
  while (::recv(socket_.get(), answer, sizeof answer, 0) > 0) {
  }
  return ::send(socket_.get(), "?", 1, MSG_NOSIGNAL) == 1 && IsReady(socket_.get(), POLLIN, kPatienceMs) &&
         ::recv(socket_.get(), answer, sizeof answer, 0) > 0;
}

absl::StatusOr<std::string> WhoAmI(const Namespace& from, const std::string& address, int port,
                                   Protocol protocol, const std::string& source) {
  absl::StatusOr<std::string> answer = absl::UnknownError("not asked");
  from.Run([&] {
    const SocketAddress to = ParseAddress(address, port);
    const int type = protocol == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
    const UniqueFd socket(::socket(to.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!source.empty()) {
      const SocketAddress own = ParseAddress(source, 0);
      // The kernel takes a moment to let a new IPv6 address be used.
      ASSERT_TRUE(Eventually([&] { return ::bind(socket.get(), own.generic(), own.size) == 0; }))
          << std::strerror(errno);
    }
    answer = Ask(socket.get(), protocol, to);
  });
  return answer;
}

bool Pings(const Namespace& from, const std::string& address) {
  bool answered = false;
  from.Run([&] {
    const SocketAddress to = ParseAddress(address, 0);
    const bool is_ipv6 = to.family() == AF_INET6;
    const UniqueFd socket(
        ::socket(to.family(), SOCK_RAW | SOCK_CLOEXEC, is_ipv6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP}));
    const int zero = 0;  // to a group, but not to ourselves
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &zero, sizeof zero);
    // The header is the same in both; the kernel fills in ICMPv6's checksum.
    icmphdr echo{};
    echo.type = is_ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
    echo.un.echo.id = htons(4711);
    echo.checksum = static_cast<std::uint16_t>(~(ICMP_ECHO + htons(4711)));
    ::sendto(socket.get(), &echo, sizeof echo, 0, to.generic(), to.size);
    // Behind the IP header, which a raw socket of IPv4 shows: the reply, with our id.
    const std::size_t at = is_ipv6 ? 0 : 20;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (!answered && std::chrono::steady_clock::now() < deadline) {
      if (!IsReady(socket.get(), POLLIN, 50)) continue;
      unsigned char packet[256];
      const ssize_t n = ::recv(socket.get(), packet, sizeof packet, 0);
      answered = n >= static_cast<ssize_t>(at + sizeof echo) &&
                 packet[at] == (is_ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) && packet[at + 4] == (4711 >> 8);
    }
  });
  return answered;
}

}  // namespace banger::netd
