#include "services/gateway/adapters/tls_listener.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/os/file_version.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/gateway/adapters/listen_address.h"

namespace banger::gateway {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kListener = 0;
constexpr auto kFarewell = 1s;

absl::Status Watch(int epoll, int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{.events = events, .data = {.u64 = id}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) return ErrnoError(errno, "watch a socket");
  return absl::OkStatus();
}

// Changes whenever one of the files does.
std::string Look(const TlsFiles& files) {
  std::string seen;
  for (const std::filesystem::path& file : {files.cert, files.key, files.client_ca, files.client_crl})
    absl::StrAppend(&seen, FileVersion(file).value_or(""), ";");
  return seen;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsListener>> TlsListener::Start(Options options) {
  std::string seen = Look(options.files);  // first: what changes from now on is loaded again
  BANGER_ASSIGN_OR_RETURN(auto credentials, TlsCredentials::Load(options.files));
  absl::StatusOr<UniqueFd> listener = ListenTcp(options.listen);
  if (!listener.ok()) return Annotate(listener.status(), "gateway.listen in the configuration");
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll.valid() || !wake.valid()) return ErrnoError(errno, "prepare to serve TCP");
  BANGER_RETURN_IF_ERROR(Watch(epoll.get(), listener->get(), EPOLLIN, kListener));
  BANGER_RETURN_IF_ERROR(Watch(epoll.get(), wake.get(), EPOLLIN | EPOLLET, kListener));
  return std::unique_ptr<TlsListener>(new TlsListener(std::move(options), *std::move(listener),
                                                      std::move(epoll), std::move(wake),
                                                      std::move(credentials), std::move(seen)));
}

TlsListener::TlsListener(Options options, UniqueFd listener, UniqueFd epoll, UniqueFd wake,
                         std::shared_ptr<const TlsCredentials> credentials, std::string files_seen)
    : options_(std::move(options)),
      listener_(std::move(listener)),
      epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      port_(PortOf(listener_.get())),
      credentials_(std::move(credentials)),
      files_seen_(std::move(files_seen)) {
  thread_ = std::thread([this] { Run(); });
}

TlsListener::~TlsListener() {
  StopAccepting();
  ending_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void TlsListener::StopAccepting() {
  accepting_ = false;
  ::eventfd_write(wake_.get(), 1);
  deaf_.wait(false);
}

void TlsListener::Run() {
  Time next_look = std::chrono::steady_clock::now() + options_.limits.reload;
  Time next_recheck = std::chrono::steady_clock::now() + options_.limits.recheck;
  Time farewell_end = Time::max();
  std::vector<epoll_event> events(64);
  bool more = false;
  for (;;) {
    const auto patience = more ? 0ms : ending_ ? 20ms : options_.limits.reload;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(patience.count()));
    const Time now = std::chrono::steady_clock::now();
    if (!accepting_ && !deaf_) {
      listener_.Reset();
      deaf_ = true;
      deaf_.notify_all();
    }
    if (ending_ && farewell_end == Time::max()) farewell_end = now + kFarewell;
    if (ending_ && (connections_.empty() || now >= farewell_end)) break;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id != kListener) {
        Pump(id, now);
      } else if (accepting_) {
        Accept(now);
      }
    }
    more = PumpThoseWithMore(now);
    if (now < next_look) continue;
    next_look = now + options_.limits.reload;
    EndOverdue(now);
    Reload();
    if (now < next_recheck) continue;
    next_recheck = now + options_.limits.recheck;
    EndRevoked();
  }
  connections_.clear();
}

void TlsListener::Accept(Time now) {
  for (int i = 0; i < 16; ++i) {
    std::string host;
    UniqueFd tcp = AcceptTcp(listener_.get(), host);
    if (!tcp.valid()) {
      // The connection stays in the backlog; the listener would be ready again at once.
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) std::this_thread::sleep_for(50ms);
      return;
    }
    if (!HasRoomFor(NetworkOf(host))) {
      if (complaints_.Take(now)) log::Warn("too many connections: one is refused", {{"address", host}});
      continue;
    }
    SslPtr session = credentials_->NewSession();
    if (session == nullptr) continue;
    const std::uint64_t id = next_id_++;
    const int fd = tcp.get();
    auto connection = std::make_unique<TlsConnection>(std::move(tcp), std::move(session), host, now);
    if (!Watch(epoll_.get(), fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, id).ok()) continue;
    connections_[id] = std::move(connection);
    count_ = connections_.size();
    Pump(id, now);
  }
}

void TlsListener::Pump(std::uint64_t id, Time now) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  TlsConnection& connection = *found->second;
  const bool faultless = connection.fault().empty();
  if (connection.Pump(now) == TlsConnection::State::kEstablished) {
    Welcome(connection, id);
    connection.Pump(now);
  }
  if (faultless && !connection.fault().empty() && complaints_.Take(now))
    log::Info(
        "a TCP client is turned away",
        {{"address", connection.address()}, {"client", connection.client()}, {"why", connection.fault()}});
  if (connection.state() == TlsConnection::State::kEnded) Erase(id);
}

bool TlsListener::PumpThoseWithMore(Time now) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, connection] : connections_)
    if (connection->more()) ids.push_back(id);
  for (const std::uint64_t id : ids) Pump(id, now);
  return !ids.empty();
}

void TlsListener::Welcome(TlsConnection& connection, std::uint64_t id) {
  // Its handshake was judged by the files that were there when it began.
  if (const absl::Status good = credentials_->Verify(connection.session()); !good.ok())
    return connection.Refuse(absl::StrCat("its certificate: ", good.message()));
  const absl::StatusOr<ClientIdentity> client = IdentityOf(SSL_get0_peer_certificate(connection.session()));
  if (!client.ok()) return connection.Refuse(std::string(client.status().message()));
  if (CountOf(client->name) >= options_.limits.connections_per_client)
    return connection.Refuse(absl::StrCat("too many connections of '", client->name, "'"));
  int ends[2];
  if (!accepting_ || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
    return connection.Refuse("the gateway cannot take it now");
  UniqueFd ours(ends[0]), theirs(ends[1]);
  if (!Watch(epoll_.get(), ours.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, id).ok())
    return connection.Refuse("the gateway cannot take it now");
  connection.Serve(*client, std::move(ours));
  log::Debug("a TCP client",
             {{"address", connection.address()}, {"client", client->name}, {"role", NameOf(client->role)}});
  options_.serve(*client, std::move(theirs));
}

void TlsListener::EndOverdue(Time now) {
  std::vector<std::uint64_t> overdue, gone;
  for (const auto& [id, connection] : connections_) {
    const auto age = now - connection->since();
    switch (connection->state()) {
      case TlsConnection::State::kHandshake:
        if (age > options_.limits.handshake) connection->End("its handshake takes too long");
        break;
      case TlsConnection::State::kServing:
        if (connection->client_is_behind() && age > options_.limits.stall)
          connection->End("it takes nothing of what is sent to it");
        break;
      case TlsConnection::State::kLingering:
        if (age > options_.limits.linger) gone.push_back(id);  // why was told before
        break;
      default:
        break;
    }
    if (connection->state() == TlsConnection::State::kEnded) overdue.push_back(id);
  }
  for (const std::uint64_t id : overdue) {
    const TlsConnection& connection = *connections_.at(id);
    if (complaints_.Take(now))
      log::Info(
          "a TCP connection is ended",
          {{"address", connection.address()}, {"client", connection.client()}, {"why", connection.fault()}});
    gone.push_back(id);
  }
  for (const std::uint64_t id : gone) Erase(id);
}

// Files that do not go together, as while they are being replaced, change nothing. They
// are tried until they do: that one may be read now, for one, changes nothing that Look
// sees.
void TlsListener::Reload() {
  const std::string seen = Look(options_.files);
  if (seen == files_seen_) return files_fault_.clear();
  absl::StatusOr<std::shared_ptr<const TlsCredentials>> loaded = TlsCredentials::Load(options_.files);
  const std::string fault(loaded.status().message());
  const bool told = fault == std::exchange(files_fault_, fault);
  if (!loaded.ok()) {
    if (!told) log::Warn("new TLS files are not taken; the old ones stay in use", {{"error", fault}});
    return;
  }
  files_seen_ = seen;
  credentials_ = *std::move(loaded);
  log::Info("new TLS files are in use");
  EndRevoked();
}

void TlsListener::EndRevoked() {
  std::vector<std::uint64_t> ended;
  for (const auto& [id, connection] : connections_) {
    if (connection->state() != TlsConnection::State::kServing) continue;
    const absl::Status status = credentials_->Verify(connection->session());
    if (status.ok()) continue;
    log::Warn("a TCP connection is ended: its certificate is not good any more",
              {{"client", connection->client()}, {"why", std::string(status.message())}});
    ended.push_back(id);
  }
  for (const std::uint64_t id : ended) Erase(id);
}

void TlsListener::Erase(std::uint64_t id) {
  connections_.erase(id);
  count_ = connections_.size();
}

bool TlsListener::HasRoomFor(const std::string& network) const {
  std::size_t strangers = 0, neighbours = 0;
  for (const auto& [id, connection] : connections_) {
    if (!connection->client().empty()) continue;
    ++strangers;
    if (connection->network() == network) ++neighbours;
  }
  return connections_.size() < options_.limits.connections && strangers < options_.limits.connections / 2 &&
         neighbours < options_.limits.strangers_per_network;
}

// Also those that linger.
std::size_t TlsListener::CountOf(const std::string& client) const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(),
                    [&](const auto& entry) { return entry.second->client() == client; }));
}

}  // namespace banger::gateway
