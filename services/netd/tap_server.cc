#include "services/netd/tap_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/errors.h"
#include "services/netd/names.h"

namespace banger::netd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxConnections = 8;
constexpr std::size_t kMaxWaiting = 64;
constexpr std::size_t kMaxLine = 128;
constexpr unsigned kSocketMode = 0666;  // peers are told by their credentials

// A line without its newline, by the deadline, or until `wake` is readable.
absl::StatusOr<std::string> ReadLine(int connection, int wake, Clock::time_point deadline) {
  std::string line;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd fds[] = {{connection, POLLIN, 0}, {wake, POLLIN, 0}};
    const int ready = left.count() > 0 ? ::poll(fds, 2, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return ErrnoError(errno, "wait for a tap's name");
    if (ready == 0) return absl::DeadlineExceededError("wait for a tap's name: the client sent none in time");
    if (fds[1].revents != 0) return absl::CancelledError("shutting down");
    char bytes[kMaxLine];
    const ssize_t n = ::recv(connection, bytes, sizeof bytes - line.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return ErrnoError(errno, "read a tap's name");
    if (n == 0) return absl::InvalidArgumentError("read a tap's name: the client left");
    line.append(bytes, static_cast<std::size_t>(n));
    if (line.back() == '\n') return line.substr(0, line.size() - 1);
    if (line.size() == kMaxLine) return absl::InvalidArgumentError("read a tap's name: too long");
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<TapServer>> TapServer::Start(Options options, Network& network) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoError(errno, "create eventfd");
  BANGER_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(options.socket, kSocketMode));
  return std::unique_ptr<TapServer>(
      new TapServer(std::move(options), network, std::move(listener), std::move(wake)));
}

TapServer::TapServer(Options options, Network& network, UniqueFd listener, UniqueFd wake)
    : options_(std::move(options)),
      network_(network),
      listener_(std::move(listener)),
      wake_(std::move(wake)),
      workers_(kMaxConnections, kMaxWaiting),
      acceptor_([this] { Accept(); }) {}

TapServer::~TapServer() {
  ::unlink(options_.socket.c_str());
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
  acceptor_.join();
}

void TapServer::Accept() {
  for (;;) {
    pollfd fds[] = {{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    if (fds[0].revents == 0) continue;
    // Shared, as a std::function is copied.
    const auto connection =
        std::make_shared<UniqueFd>(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection->valid()) {
      // Out of descriptors: the connection stays in the backlog, and without a
      // pause this loop would spin.
      ::poll(&fds[1], 1, 100);
      continue;
    }
    const bool accepted = workers_.Submit([this, connection] {
      const absl::Status served = Serve(connection->get());
      if (!served.ok()) log::Warn("tap refused", {{"error", std::string(served.message())}});
    });
    if (!accepted) log::Warn("tap refused", {{"error", "too many clients at once"}});
  }
}

absl::Status TapServer::Serve(int connection) const {
  BANGER_ASSIGN_OR_RETURN(const PeerCredentials peer, GetPeerCredentials(connection));
  if (!options_.authorize(peer)) return CallerNotAllowed(peer.uid);
  BANGER_ASSIGN_OR_RETURN(const std::string name,
                          ReadLine(connection, wake_.get(), Clock::now() + options_.patience));
  BANGER_ASSIGN_OR_RETURN(const std::string id, EndpointId(name));
  UniqueFd tap;
  const absl::Status opened = network_.WithTap(peer.uid, id, [&](const std::string& interface) {
    absl::StatusOr<UniqueFd> queue = options_.open_tap(interface);
    if (queue.ok()) tap = *std::move(queue);
    return queue.status();
  });
  BANGER_RETURN_IF_ERROR(Annotate(opened, absl::StrCat("open the tap of '", id, "' for uid ", peer.uid)));
  return SendDescriptor(connection, tap.get());
}

}  // namespace banger::netd
