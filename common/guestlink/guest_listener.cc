#include "common/guestlink/guest_listener.h"

#include <poll.h>
#include <sys/socket.h>
// After sys/socket.h, which it needs.
#include <linux/vm_sockets.h>

#include <cerrno>
#include <utility>

#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::guestlink {
namespace {

// Programs in the guest can connect too, by the guest's own address.
bool FromHost(const sockaddr_storage& peer) {
  if (peer.ss_family != AF_VSOCK) return true;
  return reinterpret_cast<const sockaddr_vm&>(peer).svm_cid == VMADDR_CID_HOST;
}

}  // namespace

absl::StatusOr<UniqueFd> ListenVsock(unsigned port) {
  UniqueFd socket(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  if (!socket.valid() ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(socket.get(), 8) < 0)
    return ErrnoError(errno, "listen on vsock");
  return socket;
}

absl::StatusOr<std::unique_ptr<GuestListener>> GuestListener::Start(UniqueFd socket,
                                                                    GuestPort::OnSession on_session) {
  BANGER_ASSIGN_OR_RETURN(Wakeup stop, Wakeup::Create());
  return std::unique_ptr<GuestListener>(
      new GuestListener(std::move(socket), std::move(stop), std::move(on_session)));
}

GuestListener::GuestListener(UniqueFd socket, Wakeup stop, GuestPort::OnSession on_session)
    : socket_(std::move(socket)), stop_(std::move(stop)), on_session_(std::move(on_session)) {
  thread_ = std::thread([this] { Serve(); });
}

GuestListener::~GuestListener() {
  stop_.Wake();
  thread_.join();
}

void GuestListener::Serve() {
  std::unique_ptr<GuestPort> port;
  for (;;) {
    pollfd fds[] = {{stop_.fd(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) return;
    if (fds[1].revents == 0) continue;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    UniqueFd connection(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC));
    if (!connection.valid()) {
      // Out of descriptors, say: the connection stays in the backlog, and without a
      // pause this loop would spin.
      ::poll(fds, 1, 100);
      continue;
    }
    if (!FromHost(peer)) continue;
    port.reset();  // its session ends before the next begins
    absl::StatusOr<std::unique_ptr<GuestPort>> next = GuestPort::Start(std::move(connection), on_session_);
    if (next.ok()) port = *std::move(next);
  }
}

}  // namespace banger::guestlink
