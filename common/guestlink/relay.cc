#include "common/guestlink/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>

#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::guestlink {
namespace {

bool Transient(int error) { return error == EAGAIN || error == EINTR; }

// One session. Every step moves what can be moved without waiting.
class Session {
 public:
  Session(PortIo& port, UniqueFd stream, std::uint64_t id)
      : port_(port), stream_(std::move(stream)), id_(id) {
    skipped_at_start_ = port_.decoder.skipped();
  }

  void Run(int wakeup) {
    while (!ended_) {
      TakeFrames();
      if (ended_) return;
      pollfd fds[] = {
          {wakeup, POLLIN, 0}, Interest(PortEvents(), port_.fd), Interest(StreamEvents(), stream_)};
      if (::poll(fds, 3, -1) < 0 && errno != EINTR) return;
      if (fds[0].revents != 0) return SayClose();
      if (fds[1].revents != 0) ServePort(fds[1]);
      if (!ended_ && fds[2].revents != 0) ServeStream();
    }
  }

 private:
  // poll reports a hang-up even to who asks for nothing, so it must not be asked.
  static pollfd Interest(int events, const UniqueFd& fd) {
    return {events != 0 ? fd.get() : -1, static_cast<short>(events), 0};
  }
  int PortEvents() const { return (payload_.empty() ? POLLIN : 0) | (port_.writing() ? POLLOUT : 0); }
  int StreamEvents() const { return (port_.writing() ? 0 : POLLIN) | (payload_.empty() ? 0 : POLLOUT); }

  void TakeFrames() {
    while (!ended_ && payload_.empty()) {
      const std::optional<Frame> frame = port_.decoder.Peek();
      if (port_.decoder.skipped() != skipped_at_start_) return End();
      if (!frame.has_value()) return;
      if (frame->type == FrameType::kClose && (frame->session == id_ || frame->session == kAnySession)) {
        port_.decoder.Pop();
        return End();
      }
      if (frame->type != FrameType::kData || frame->session != id_) return End();
      // Popping leaves the bytes where they are until the next read.
      payload_ = frame->payload;
      port_.decoder.Pop();
      SendPayload();
    }
  }

  void ServePort(const pollfd& port) {
    if ((port.events & POLLOUT) != 0 && !port_.WriteSome().ok()) port_.out.clear();
    if ((port.events & POLLIN) != 0 && !port_.ReadSome().ok()) return End();
    // Nobody will ever take the rest; what came from there still goes out.
    if ((port.revents & (POLLHUP | POLLERR)) != 0) port_.out.clear();
  }

  void ServeStream() {
    if (!payload_.empty()) SendPayload();
    if (!ended_ && !port_.writing()) ReadStream();
  }

  void SendPayload() {
    const ssize_t n = ::send(stream_.get(), payload_.data(), payload_.size(), MSG_NOSIGNAL);
    if (n < 0 && !Transient(errno)) return SayClose();
    if (n > 0) payload_.remove_prefix(static_cast<std::size_t>(n));
  }

  // Straight into the place of a frame's payload.
  void ReadStream() {
    std::string& out = port_.out;
    out.resize(kMaxFrame);
    const ssize_t n = ::recv(stream_.get(), out.data() + kHeaderSize, kMaxPayload, 0);
    const int error = errno;
    port_.out_done = 0;
    if (n <= 0) {
      out.clear();
      if (n == 0 || !Transient(error)) SayClose();
      return;
    }
    const auto size = static_cast<std::size_t>(n);
    out.resize(kHeaderSize + size + kTrailerSize);
    WriteHeader(out.data(), FrameType::kData, id_, size);
    WriteTrailer(out.data() + kHeaderSize + size, id_);
    port_.WriteSome().IgnoreError();  // poll tells of a lost peer
  }

  // A peer that does not hear it notices at the next greeting.
  void SayClose() {
    port_.out.erase(0, port_.out_done);
    port_.out_done = 0;
    port_.out += EncodeFrame(FrameType::kClose, id_);
    port_.WriteSome().IgnoreError();
    End();
  }

  void End() { ended_ = true; }

  PortIo& port_;
  const UniqueFd stream_;
  const std::uint64_t id_;
  std::uint64_t skipped_at_start_ = 0;
  absl::string_view payload_;  // of the decoder; not yet taken by the stream
  bool ended_ = false;
};

}  // namespace

void PortIo::Replace(std::string bytes) {
  out = std::move(bytes);
  out_done = 0;
}

absl::Status PortIo::WriteSome() {
  while (writing()) {
    const char* at = out.data() + out_done;
    const std::size_t size = out.size() - out_done;
    // A socket raises SIGPIPE unless asked not to; a device cannot be asked.
    const ssize_t n = is_device ? ::write(fd.get(), at, size) : ::send(fd.get(), at, size, MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK) {
      is_device = true;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return absl::OkStatus();
    if (n <= 0) return absl::UnavailableError("write to the guest link: the peer is gone");
    out_done += static_cast<std::size_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> PortIo::ReadSome() {
  std::size_t space = 0;
  char* at = decoder.Space(&space);
  const ssize_t n = ::read(fd.get(), at, space);
  if (n < 0 && Transient(errno)) return 0;
  if (n <= 0) return absl::UnavailableError("read from the guest link: the peer is gone");
  decoder.Added(static_cast<std::size_t>(n));
  return static_cast<std::size_t>(n);
}

absl::StatusOr<StreamPair> MakeStreamPair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
    return ErrnoError(errno, "create socket pair");
  return StreamPair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

absl::StatusOr<Wakeup> Wakeup::Create() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) return ErrnoError(errno, "create event");
  return Wakeup(std::move(fd));
}

void Wakeup::Wake() const {
  // Fails only when it is awake already.
  [[maybe_unused]] const int ignored = ::eventfd_write(fd_.get(), 1);
}

void Relay(PortIo& port, UniqueFd stream, std::uint64_t session, int wakeup) {
  Session(port, std::move(stream), session).Run(wakeup);
}

}  // namespace banger::guestlink
