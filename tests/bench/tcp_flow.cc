#include "tests/bench/tcp_flow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "common/os/unique_fd.h"

namespace banger::bench {
namespace {

constexpr std::uint16_t kPort = 5201;
constexpr std::size_t kChunk = 256 << 10;

sockaddr_in Endpoint(const std::string& address) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(kPort);
  ::inet_pton(AF_INET, address.c_str(), &made.sin_addr);
  return made;
}

UniqueFd Listen(const std::string& address) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const sockaddr_in here = Endpoint(address);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) < 0) return UniqueFd();
  ::listen(socket.get(), 1);
  return socket;
}

void Send(const std::string& address, std::chrono::milliseconds duration) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const sockaddr_in there = Endpoint(address);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) < 0) return;
  const std::vector<char> data(kChunk, 'x');
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end &&
         ::send(socket.get(), data.data(), data.size(), MSG_NOSIGNAL) > 0) {
  }
}

}  // namespace

double MeasureTcp(const netd::Namespace& from, const netd::Namespace& to, const std::string& address,
                  std::chrono::milliseconds duration) {
  UniqueFd listener;
  to.Run([&] { listener = Listen(address); });
  std::thread sender([&] { from.Run([&] { Send(address, duration); }); });
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(listener.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const UniqueFd connection(::accept(listener.get(), nullptr, nullptr));
  const auto begin = std::chrono::steady_clock::now();
  std::vector<char> data(kChunk);
  std::int64_t bytes = 0;
  for (ssize_t n = 0; (n = ::recv(connection.get(), data.data(), data.size(), 0)) > 0;) bytes += n;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  sender.join();
  return static_cast<double>(bytes) * 8 / took.count();
}

}  // namespace banger::bench
