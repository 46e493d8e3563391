#include "common/guestlink/guest_port.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::guestlink {
namespace {

// A greeting that waits in the port comes within this; answering it says all
// that an announcement would.
constexpr int kListenFirstMs = 20;

}  // namespace

absl::StatusOr<std::unique_ptr<GuestPort>> GuestPort::Start(UniqueFd port, OnSession on_session) {
  if (::fcntl(port.get(), F_SETFL, O_NONBLOCK) < 0) return ErrnoError(errno, "set up the guest link");
  // A port that the host has closed is "hung up": poll returns at once, for
  // ever. An edge-triggered epoll tells only of changes, the host's opening the
  // port among them, so waiting for the host costs nothing.
  UniqueFd presence(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {}};
  if (!presence.valid() || ::epoll_ctl(presence.get(), EPOLL_CTL_ADD, port.get(), &event) < 0)
    return ErrnoError(errno, "watch the guest link");
  BANGER_ASSIGN_OR_RETURN(Wakeup stop, Wakeup::Create());
  return std::unique_ptr<GuestPort>(
      new GuestPort(std::move(port), std::move(presence), std::move(stop), std::move(on_session)));
}

GuestPort::GuestPort(UniqueFd port, UniqueFd presence, Wakeup stop, OnSession on_session)
    : presence_(std::move(presence)), stop_(std::move(stop)), on_session_(std::move(on_session)) {
  port_.fd = std::move(port);
  announce_at_ = Clock::now() + std::chrono::milliseconds(kListenFirstMs);
  thread_ = std::thread([this] { Serve(); });
}

GuestPort::~GuestPort() {
  stop_.Wake();
  thread_.join();
}

void GuestPort::Serve() {
  while (const std::optional<std::uint64_t> session = WaitForHello()) {
    absl::StatusOr<StreamPair> streams = MakeStreamPair();
    if (!streams.ok()) continue;  // out of descriptors; the host greets again
    on_session_(std::move(streams->theirs));
    port_.Replace(EncodeAfterPreamble(FrameType::kAck, *session));
    Relay(port_, std::move(streams->ours), *session, stop_.fd());
  }
  port_.fd.Reset();
}

// Empty when stopping.
std::optional<std::uint64_t> GuestPort::WaitForHello() {
  while (!stopping()) {
    if (!announced_ && Clock::now() >= announce_at_) Announce();
    while (const std::optional<Frame> frame = port_.decoder.Peek()) {
      port_.decoder.Pop();
      if (frame->type != FrameType::kHello || frame->session == kAnySession) continue;
      announced_ = true;
      return frame->session;
    }
    const absl::StatusOr<std::size_t> read = port_.ReadSome();
    if (read.ok() && *read > 0) continue;
    if (!read.ok()) {
      if (!WaitForHost()) break;
      continue;
    }
    if (!port_.WriteSome().ok()) port_.out.clear();
    pollfd fds[] = {{stop_.fd(), POLLIN, 0},
                    {port_.fd.get(), static_cast<short>(port_.writing() ? POLLIN | POLLOUT : POLLIN), 0}};
    ::poll(fds, 2, announced_ ? -1 : kListenFirstMs);
  }
  return std::nullopt;
}

// Tells a host that still has a session with an agent before us.
void GuestPort::Announce() {
  announced_ = true;
  port_.Replace(EncodeAfterPreamble(FrameType::kClose, kAnySession));
}

// Until something about the port changes; false when stopping, and when nothing
// will: a socket that has hung up never has another peer.
bool GuestPort::WaitForHost() const {
  struct stat info {};
  if (::fstat(port_.fd.get(), &info) == 0 && S_ISSOCK(info.st_mode)) return false;
  pollfd fds[] = {{stop_.fd(), POLLIN, 0}, {presence_.get(), POLLIN, 0}};
  ::poll(fds, 2, -1);
  epoll_event event{};
  ::epoll_wait(presence_.get(), &event, 1, 0);
  return !stopping();
}

bool GuestPort::stopping() const {
  pollfd stop{stop_.fd(), POLLIN, 0};
  return ::poll(&stop, 1, 0) > 0;
}

}  // namespace banger::guestlink
