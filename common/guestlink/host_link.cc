#include "common/guestlink/host_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "common/os/unix_socket.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::guestlink {
namespace {

using Clock = HostLink::Clock;

// Greetings get lost only with an agent that dies, whose successor says so; this
// is for what nobody thought of.
constexpr std::chrono::seconds kGreetAgain{1};

absl::StatusOr<std::uint64_t> NewSession() {
  std::uint64_t session = kAnySession;
  while (session == kAnySession) {
    if (::getrandom(&session, sizeof session, 0) != sizeof session)
      return ErrnoError(errno, "get random bytes");
  }
  return session;
}

// The greeting in progress.
class Greeting {
 public:
  explicit Greeting(PortIo& port) : port_(port) {}

  absl::StatusOr<std::uint64_t> Run(Clock::time_point deadline, int wakeup) {
    BANGER_RETURN_IF_ERROR(Say());
    for (;;) {
      BANGER_ASSIGN_OR_RETURN(const bool answered, Answered());
      if (answered) return session_;
      const Clock::time_point now = Clock::now();
      if (now >= deadline) return absl::DeadlineExceededError("the guest's agent did not answer");
      // Never more than one greeting waits to be written.
      if (now >= again_ && !port_.writing()) BANGER_RETURN_IF_ERROR(Say());
      BANGER_RETURN_IF_ERROR(port_.WriteSome());
      pollfd fds[] = {{wakeup, POLLIN, 0},
                      {port_.fd.get(), static_cast<short>(port_.writing() ? POLLIN | POLLOUT : POLLIN), 0}};
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::min(deadline, again_) - now);
      if (::poll(fds, 2, static_cast<int>(std::max<std::int64_t>(wait.count(), 1))) < 0 && errno != EINTR)
        return ErrnoError(errno, "wait for the guest's agent");
      if (fds[0].revents != 0) return absl::CancelledError("stopped while waiting for the guest's agent");
      if (fds[1].revents != 0) BANGER_RETURN_IF_ERROR(port_.ReadSome().status());
    }
  }

 private:
  // Each greeting is another session, so that an answer belongs to one of them.
  absl::Status Say() {
    BANGER_ASSIGN_OR_RETURN(session_, NewSession());
    port_.Replace(EncodeAfterPreamble(FrameType::kHello, session_));
    again_ = Clock::now() + kGreetAgain;
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Answered() {
    while (const std::optional<Frame> frame = port_.decoder.Peek()) {
      port_.decoder.Pop();
      if (frame->type == FrameType::kAck && frame->session == session_) return true;
      // An agent has started and may have missed the greeting.
      if (frame->type == FrameType::kClose && frame->session == kAnySession && !port_.writing())
        BANGER_RETURN_IF_ERROR(Say());
    }
    return false;
  }

  PortIo& port_;
  std::uint64_t session_ = kAnySession;
  Clock::time_point again_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostLink>> HostLink::Connect(const std::filesystem::path& socket,
                                                            Clock::time_point deadline,
                                                            const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnix(socket));
  return Greet(std::move(fd), deadline, stop);
}

absl::StatusOr<std::unique_ptr<HostLink>> HostLink::Greet(UniqueFd socket, Clock::time_point deadline,
                                                          const std::stop_token& stop) {
  PortIo port;
  port.fd = std::move(socket);
  if (::fcntl(port.fd.get(), F_SETFL, O_NONBLOCK) < 0) return ErrnoError(errno, "set up the guest link");
  BANGER_ASSIGN_OR_RETURN(const Wakeup stopped, Wakeup::Create());
  const std::stop_callback wake(stop, [&stopped] { stopped.Wake(); });
  BANGER_ASSIGN_OR_RETURN(const std::uint64_t session, Greeting(port).Run(deadline, stopped.fd()));
  BANGER_ASSIGN_OR_RETURN(StreamPair streams, MakeStreamPair());
  BANGER_ASSIGN_OR_RETURN(Wakeup end, Wakeup::Create());
  return std::unique_ptr<HostLink>(
      new HostLink(std::move(port), std::move(streams), std::move(end), session));
}

HostLink::HostLink(PortIo port, StreamPair streams, Wakeup stop, std::uint64_t session)
    : port_(std::move(port)), stream_(std::move(streams.theirs)), stop_(std::move(stop)) {
  thread_ = std::thread([this, session, stream = std::move(streams.ours)]() mutable {
    Relay(port_, std::move(stream), session, stop_.fd());
    port_.fd.Reset();  // lets the next link have the port
  });
}

HostLink::~HostLink() {
  stop_.Wake();
  thread_.join();
}

}  // namespace banger::guestlink
