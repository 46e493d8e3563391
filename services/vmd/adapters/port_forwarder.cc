#include "services/vmd/adapters/port_forwarder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <list>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/port_owner.h"
#include "services/vmd/adapters/port_relay.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

// A guest's agent has so many workers for all it does.
constexpr std::size_t kMaxConnections = 128;
// How often ended connections and silent senders are cleared away.
constexpr int kTickMs = 1000;

absl::StatusOr<UniqueFd> Bind(const PublishedPort& port) {
  const int type = port.protocol == PortProtocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const std::string what = absl::StrCat("listen on ", HostSide(port));
  if (!socket.valid()) return ErrnoError(errno, what);
  const int one = 1;
  // Connections that have just ended do not keep the port.
  if (type == SOCK_STREAM) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port.host_port));
  ::inet_pton(AF_INET, port.host_address.c_str(), &address.sin_addr);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      (type == SOCK_STREAM && ::listen(socket.get(), SOMAXCONN) < 0)) {
    if (errno == EADDRINUSE) return PortInUse(HostSide(port), FindPortOwner(port));
    if (errno == EADDRNOTAVAIL)
      return FieldInvalid("host_address", absl::StrCat("'", port.host_address, "' is not of this host"));
    if (errno == EACCES)
      return FieldInvalid("host_port", absl::StrCat(port.host_port, " is below 1024, which vmd may not use"));
    return ErrnoError(errno, what);
  }
  return socket;
}

}  // namespace

// A port and what comes by it, with a thread that waits for it and one for each
// connection.
class PortForwarder::Listener {
 public:
  Listener(UniqueFd socket, UniqueFd wake, const PublishedPort& port, DialChannel channel)
      : socket_(std::move(socket)),
        wake_(std::move(wake)),
        port_(port),
        channel_(std::move(channel)),
        waiter_([this] { port_.protocol == PortProtocol::kTcp ? Accept() : Receive(); }) {}

  ~Listener() {
    stop_.request_stop();
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
    waiter_.join();
    for (Connection& connection : connections_) connection.thread.join();
  }

 private:
  struct Connection {
    std::atomic<bool> ended = false;
    UniqueFd client;
    std::thread thread;
  };

  // For something to come, or a tick; false once we end. A full house does not
  // look at the door.
  bool Wait() {
    pollfd fds[] = {{wake_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
    ::poll(fds, connections_.size() < kMaxConnections ? 2 : 1, kTickMs);
    return fds[0].revents == 0;
  }

  void Accept() {
    while (Wait()) {
      connections_.remove_if([](Connection& connection) {
        if (connection.ended) connection.thread.join();
        return connection.ended.load();
      });
      pollfd ready{socket_.get(), POLLIN, 0};
      if (connections_.size() >= kMaxConnections || ::poll(&ready, 1, 0) != 1) continue;
      UniqueFd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.valid()) continue;
      const int one = 1;
      ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      Connection& connection = connections_.emplace_back();
      connection.client = std::move(client);
      connection.thread = std::thread([this, &connection] {
        RelayConnection(connection.client, port_.guest_port, channel_, stop_.get_token());
        connection.client.Reset();
        connection.ended = true;
      });
    }
  }

  void Receive() {
    DatagramRelay relay(socket_.get(), port_.guest_port, channel_, stop_.get_token());
    while (Wait()) relay.Receive();
  }

  const UniqueFd socket_;
  const UniqueFd wake_;
  const PublishedPort port_;
  const DialChannel channel_;
  std::stop_source stop_;
  std::list<Connection> connections_;  // of the waiter, until it has ended
  std::thread waiter_;
};

PortForwarder::PortForwarder(FindChannel find_channel) : find_channel_(std::move(find_channel)) {}

PortForwarder::~PortForwarder() = default;

absl::Status PortForwarder::Open(const std::string& uid, const PublishedPort& port) {
  // One of ours would stand in the way of its successor.
  Close(uid, port);
  BANGER_ASSIGN_OR_RETURN(UniqueFd socket, Bind(port));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoError(errno, "create eventfd");
  auto listener = std::make_unique<Listener>(
      std::move(socket), std::move(wake), port,
      [this, uid](const std::stop_token& stop) { return find_channel_(uid, stop); });
  const MutexLock lock(mutex_);
  listeners_[{uid, HostSide(port)}] = std::move(listener);
  return absl::OkStatus();
}

void PortForwarder::Close(const std::string& uid, const PublishedPort& port) {
  std::unique_ptr<Listener> closed;  // its end takes a moment: not under the lock
  const MutexLock lock(mutex_);
  const auto listener = listeners_.find({uid, HostSide(port)});
  if (listener == listeners_.end()) return;
  closed = std::move(listener->second);
  listeners_.erase(listener);
}

void PortForwarder::CloseAll(const std::string& uid) {
  std::list<std::unique_ptr<Listener>> closed;
  const MutexLock lock(mutex_);
  for (auto listener = listeners_.begin(); listener != listeners_.end();) {
    if (std::get<0>(listener->first) != uid) {
      ++listener;
      continue;
    }
    closed.push_back(std::move(listener->second));
    listener = listeners_.erase(listener);
  }
}

bool PortForwarder::IsOpen(const std::string& uid, const PublishedPort& port) const {
  const MutexLock lock(mutex_);
  return listeners_.contains({uid, HostSide(port)});
}

}  // namespace banger::vmd
