#include "common/rpc/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/os/peer_groups.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::rpc {

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoError(errno, "create eventfd");
  BANGER_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(options.socket, options.socket_mode));
  return std::unique_ptr<Server>(new Server(std::move(options), std::move(listener), std::move(wake)));
}

Server::Server(ServerOptions options, UniqueFd listener, UniqueFd wake)
    : options_(std::move(options)),
      listener_(std::move(listener)),
      wake_(std::move(wake)),
      servers_({.configure = options_.configure, .default_health = options_.default_health}) {
  acceptor_ = std::thread([this] { Accept(); });
}

Server::~Server() { Shutdown(std::chrono::milliseconds(0)); }

void Server::Accept() {
  for (;;) {
    pollfd fds[] = {{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    if (fds[0].revents == 0) continue;
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.valid()) {
      Serve(std::move(connection));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
      // The connection stays in the backlog; without a pause this loop would spin.
      log::Warn("accept: out of descriptors or memory");
      ::poll(&fds[1], 1, 100);
    }
  }
}

void Server::Serve(UniqueFd connection) {
  const absl::StatusOr<PeerCredentials> credentials = GetPeerCredentials(connection.get());
  if (!credentials.ok()) return;
  if (options_.authorize && !options_.authorize(*credentials)) {
    log::Warn("connection refused",
              {{"uid", absl::StrCat(credentials->uid)}, {"pid", absl::StrCat(credentials->pid)}});
    return;
  }
  Peer peer{.uid = credentials->uid, .name = "", .role = ""};
  if (options_.role_of) {
    const absl::StatusOr<std::vector<gid_t>> groups = GetPeerGroups(connection.get());
    if (!groups.ok()) return;
    peer.role = options_.role_of(*credentials, *groups);
  }
  servers_.Serve(peer, std::move(connection));
}

void Server::Shutdown(std::chrono::milliseconds grace) {
  if (down_.exchange(true)) return;
  ::unlink(options_.socket.c_str());
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
  acceptor_.join();
  servers_.Shutdown(grace);
}

}  // namespace banger::rpc
