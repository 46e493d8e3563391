// A name server that answers as a test wants.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/os/unique_fd.h"
#include "services/netd/dns/event_loop.h"
#include "services/netd/dns/socket_address.h"
#include "services/netd/dns/wire.h"

namespace banger::netd {

// Lives in the loop of what is tested, which must outlive it.
class FakeUpstream {
 public:
  // The datagrams to send back, which may be none; over TCP the first only.
  using Answers = std::function<std::vector<std::string>(const std::string& query, bool tcp)>;

  // Port 0: one that is free.
  FakeUpstream(dns::EventLoop& loop, Answers answers,
               const dns::SocketAddress& listen = {Ipv4(INADDR_LOOPBACK), 0})
      : loop_(loop), answers_(std::move(answers)) {
    // The port that UDP gets may be taken for TCP: then another.
    for (int attempt = 0; attempt < 20 && !tcp_.valid(); ++attempt) {
      udp_ = Bind(SOCK_DGRAM, listen);
      tcp_ = Bind(SOCK_STREAM, address());
    }
    EXPECT_EQ(::listen(tcp_.get(), 16), 0);
    EXPECT_TRUE(loop_.Watch(udp_.get(), EPOLLIN, [this](std::uint32_t) { OnUdp(); }).ok());
    EXPECT_TRUE(loop_.Watch(tcp_.get(), EPOLLIN, [this](std::uint32_t) { OnConnection(); }).ok());
  }
  ~FakeUpstream() {
    loop_.Unwatch(udp_.get());
    loop_.Unwatch(tcp_.get());
    for (const auto& [fd, owner] : connections_) loop_.Unwatch(fd);
  }
  FakeUpstream(const FakeUpstream&) = delete;
  FakeUpstream& operator=(const FakeUpstream&) = delete;

  dns::SocketAddress address() const {
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    ::getsockname(udp_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    return {Ipv4(ntohl(bound.sin_addr.s_addr)), ntohs(bound.sin_port)};
  }
  // The last client.
  const sockaddr_in& peer() const { return peer_; }
  void SendTo(const sockaddr_in& peer, const std::string& message) {
    ::sendto(udp_.get(), message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&peer),
             sizeof peer);
  }
  void SendToPeer(const std::string& message) { SendTo(peer_, message); }

  int queries = 0;

 private:
  static UniqueFd Bind(int type, const dns::SocketAddress& address) {
    UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::bind(fd.get(), address.get(), address.size()) < 0) fd.Reset();
    return fd;
  }

  void OnUdp() {
    char buffer[4096];
    socklen_t size = sizeof peer_;
    const ssize_t n =
        ::recvfrom(udp_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&peer_), &size);
    if (n < 0) return;
    ++queries;
    for (const std::string& answer : answers_({buffer, static_cast<std::size_t>(n)}, false))
      SendTo(peer_, answer);
  }

  void OnConnection() {
    UniqueFd connection(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int fd = connection.get();
    if (fd < 0) return;
    connections_[fd] = std::move(connection);
    EXPECT_TRUE(loop_.Watch(fd, EPOLLIN, [this, fd](std::uint32_t) { OnTcp(fd); }).ok());
  }

  void OnTcp(int fd) {
    char buffer[4096];
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n > 2) {
      ++queries;
      const auto answers = answers_({buffer + 2, static_cast<std::size_t>(n) - 2}, true);
      if (!answers.empty()) {
        std::string framed(2, '\0');
        dns::Write16(framed.data(), static_cast<std::uint16_t>(answers[0].size()));
        framed += answers[0];
        // In two pieces: nobody may rely on one.
        ::send(fd, framed.data(), 5, MSG_NOSIGNAL);
        ::send(fd, framed.data() + 5, framed.size() - 5, MSG_NOSIGNAL);
        return;
      }
    }
    loop_.Unwatch(fd);
    connections_.erase(fd);
  }

  dns::EventLoop& loop_;
  const Answers answers_;
  UniqueFd udp_;
  UniqueFd tcp_;
  sockaddr_in peer_{};
  std::map<int, UniqueFd> connections_;
};

}  // namespace banger::netd
