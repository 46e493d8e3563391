#include "services/netd/dns/tcp_listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "services/netd/dns/reply.h"

namespace banger::netd::dns {
namespace {

constexpr std::chrono::milliseconds kPauseWithoutDescriptors{100};
// No question takes as much; what a client may make us keep.
constexpr std::size_t kMaxQuery = 4096;

void AppendMessage(absl::string_view message, std::string* out) {
  char size[2];
  Write16(size, static_cast<std::uint16_t>(message.size()));
  out->append(size, 2);
  out->append(message.data(), message.size());
}

}  // namespace

TcpListener::TcpListener(EventLoop& loop, UniqueFd socket, ClientRules& rules, const Responder& responder,
                         Forwarder& forwarder, const Limits& limits)
    : loop_(loop),
      socket_(std::move(socket)),
      rules_(rules),
      responder_(responder),
      forwarder_(forwarder),
      limits_(limits) {}

TcpListener::~TcpListener() {
  loop_.Cancel(pause_);
  loop_.Unwatch(socket_.get());
  while (!connections_.empty()) Close(connections_.begin()->first);
}

absl::Status TcpListener::Start() {
  return loop_.Watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { OnAcceptable(); });
}

void TcpListener::OnAcceptable() {
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  UniqueFd fd(
      ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) {
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;
    // It stays in the backlog; without a pause this would spin.
    loop_.Rewatch(socket_.get(), 0);
    pause_ = loop_.After(kPauseWithoutDescriptors, [this] { loop_.Rewatch(socket_.get(), EPOLLIN); });
    return;
  }
  // The handshake has shown that the address is its own.
  const std::optional<Client> client = rules_.Admit(Ipv4(ntohl(peer.sin_addr.s_addr)), 0);
  if (!client.has_value() || !MakeRoom(client->address)) return;
  const std::uint64_t id = ++last_id_;
  Connection& connection = connections_[id];
  connection.id = id;
  connection.fd = std::move(fd);
  connection.client = *client;
  SetTimer(connection);
  const auto handler = [this, id](std::uint32_t events) { OnEvent(id, events); };
  if (!loop_.Watch(connection.fd.get(), EPOLLIN, handler).ok()) Close(id);
}

bool TcpListener::MakeRoom(Ipv4 client) {
  std::size_t of_client = 0;
  const Connection* quietest = nullptr;
  for (const auto& [id, connection] : connections_) {
    if (connection.client.address == client) ++of_client;
    if (quietest == nullptr || connection.active < quietest->active) quietest = &connection;
  }
  if (of_client >= limits_.connections_per_client) return false;
  if (connections_.size() >= limits_.connections) Close(quietest->id);
  return true;
}

void TcpListener::OnEvent(std::uint64_t id, std::uint32_t events) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  bool useful = (events & (EPOLLERR | EPOLLHUP)) == 0;
  if (useful && (events & EPOLLIN) != 0) useful = Read(connection);
  if (!useful || !Go(connection)) Close(id);
}

bool TcpListener::Read(Connection& connection) {
  char buffer[kMaxQuery];
  const ssize_t n = ::recv(connection.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) connection.ended = true;
  connection.in.append(buffer, static_cast<std::size_t>(n));
  return true;
}

// Serves what it can, and waits for what is missing.
bool TcpListener::Go(Connection& connection) {
  if (!Write(connection) || !Serve(connection)) return false;
  const bool writing = !connection.out.empty();
  if (connection.ended && !connection.busy && !writing) return false;
  std::uint32_t events = 0;
  if (writing)
    events = EPOLLOUT;
  else if (!connection.ended && !connection.busy)
    events = EPOLLIN;
  loop_.Rewatch(connection.fd.get(), events);
  return true;
}

bool TcpListener::Serve(Connection& connection) {
  while (!connection.busy && connection.out.empty() && connection.in.size() >= 2) {
    const std::size_t size = Read16(connection.in.data());
    if (size < kHeaderSize || size > kMaxQuery) return false;
    if (connection.in.size() < 2 + size) break;
    const std::string message = connection.in.substr(2, size);
    connection.in.erase(0, 2 + size);
    SetTimer(connection);
    Query query;
    char buffer[kMaxOwnReply];
    std::size_t reply = 0;
    switch (responder_.Handle(message, connection.client, &query, buffer, &reply)) {
      case Verdict::kDrop:
        return false;
      case Verdict::kReply:
        AppendMessage({buffer, reply}, &connection.out);
        break;
      case Verdict::kForward:
        connection.busy = true;
        forwarder_.Ask(query, connection.client.address, kMaxMessageSize,
                       [this, id = connection.id](absl::string_view answer) {
                         const auto found = connections_.find(id);
                         if (found == connections_.end()) return;
                         found->second.busy = false;
                         AppendMessage(answer, &found->second.out);
                         // Later: this may be a call out of Serve, from the cache.
                         loop_.After(std::chrono::milliseconds(0), [this, id] { OnEvent(id, EPOLLOUT); });
                       });
        break;
    }
    if (!Write(connection)) return false;
  }
  return true;
}

bool TcpListener::Write(Connection& connection) {
  if (connection.out.empty()) return true;
  const ssize_t n =
      ::send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  connection.out.erase(0, static_cast<std::size_t>(n));
  if (connection.out.empty()) SetTimer(connection);
  return true;
}

void TcpListener::SetTimer(Connection& connection) {
  loop_.Cancel(connection.timer);
  connection.active = EventLoop::Clock::now();
  connection.timer = loop_.After(limits_.patience, [this, id = connection.id] { Close(id); });
}

void TcpListener::Close(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  loop_.Cancel(found->second.timer);
  loop_.Unwatch(found->second.fd.get());
  connections_.erase(found);
}

}  // namespace banger::netd::dns
