#include "tests/integration/tcp_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace banger {
namespace {

constexpr std::size_t kPiece = 64 << 10;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

bool SendAll(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::send(fd, data, size, MSG_NOSIGNAL);
    if (count <= 0) return false;
    data += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

// Its close is a reset.
void Break(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::shutdown(fd, SHUT_RDWR);
}

}  // namespace

TcpRelay::TcpRelay(int server_port)
    : server_port_(server_port), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), 128) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

TcpRelay::~TcpRelay() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    BreakAll();
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

std::string TcpRelay::host() const { return absl::StrCat("127.0.0.1:", port_); }

void TcpRelay::Open() { Restart(INT64_MAX, false); }
void TcpRelay::HoldAt(std::int64_t bytes) { Restart(bytes, false); }
void TcpRelay::CutAt(std::int64_t bytes) { Restart(bytes, true); }

void TcpRelay::Restart(std::int64_t limit, bool cut) {
  const MutexLock lock(mutex_);
  passed_ = 0;
  limit_ = limit;
  cut_ = cut;
  broken_ = false;
  changed_.notify_all();
}

std::int64_t TcpRelay::passed() const {
  const MutexLock lock(mutex_);
  return passed_;
}

bool TcpRelay::broken() const {
  const MutexLock lock(mutex_);
  return broken_;
}

int TcpRelay::accepted() const {
  const MutexLock lock(mutex_);
  return accepted_;
}

std::size_t TcpRelay::connections() const {
  const MutexLock lock(mutex_);
  return connections_.size();
}

void TcpRelay::BreakAll() {
  broken_ = true;
  for (const auto& [client, server] : connections_) {
    Break(client);
    Break(server);
  }
  changed_.notify_all();
}

void TcpRelay::Accept() {
  for (;;) {
    const int client = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const MutexLock lock(mutex_);
    ++accepted_;
    threads_.emplace_back([this, client] { Serve(client); });
  }
}

void TcpRelay::Serve(int client) {
  const UniqueFd owned(client);
  const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(server_port_);
  if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
  {
    const MutexLock lock(mutex_);
    connections_[client] = server.get();
    if (broken_ || closing_) Break(client);
  }
  Pass(client, server.get());
  const MutexLock lock(mutex_);
  connections_.erase(client);
}

void TcpRelay::Pass(int client, int server) {
  std::array<char, kPiece> buffer;
  for (;;) {
    pollfd fds[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) return;
    if (fds[0].revents != 0) {
      const ssize_t count = ::recv(client, buffer.data(), buffer.size(), 0);
      if (count <= 0 || !SendAll(server, buffer.data(), static_cast<std::size_t>(count))) return;
    }
    if (fds[1].revents != 0 && !PassFromServer(client, server)) return;
  }
}

bool TcpRelay::PassFromServer(int client, int server) {
  std::array<char, kPiece> buffer;
  ssize_t count = 0;
  {
    MutexLock lock(mutex_);
    changed_.wait(lock,
                  [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return passed_ < limit_ || broken_ || closing_; });
    if (broken_ || closing_) return false;
    const std::int64_t room = std::min<std::int64_t>(limit_ - passed_, kPiece);
    count = ::recv(server, buffer.data(), static_cast<std::size_t>(room), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count <= 0) return false;
    passed_ += count;
    changed_.notify_all();
  }
  const bool sent = SendAll(client, buffer.data(), static_cast<std::size_t>(count));
  const MutexLock lock(mutex_);
  if (cut_ && passed_ == limit_) BreakAll();
  return sent;
}

}  // namespace banger
