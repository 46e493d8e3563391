#include "services/agent/dial_call.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/port_dialer.h"
#include "services/agent/errors.h"

namespace banger::agent {
namespace v1 = guest::v1;
namespace {

constexpr std::size_t kPiece = 64 << 10;

// All of it, however slowly the service takes it; false when it no longer does.
bool SendAll(int socket, const std::string& data, int wake) {
  std::size_t sent = 0;
  do {
    const ssize_t n = ::send(socket, data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return false;
    pollfd fds[] = {{socket, POLLOUT, 0}, {wake, POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return false;
  } while (sent < data.size());
  return true;
}

void Wake(int wake) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake, &one, sizeof one);
}

// What the caller sends, to its end; with datagrams that is the end of all.
void Upload(DialStream& stream, int socket, bool datagrams, int wake) {
  while (std::optional<v1::DialRequest> request = stream.Read()) {
    // A datagram that is refused is lost, as datagrams may be.
    if (!SendAll(socket, request->data(), wake) && !datagrams) break;
  }
  if (datagrams)
    Wake(wake);
  else
    ::shutdown(socket, SHUT_WR);
}

bool SendData(DialStream& stream, const char* data, std::size_t size) {
  v1::DialResponse response;
  response.set_data(data, size);
  return stream.Send(std::move(response));
}

// What the service sends, to its end; true when it came to one.
bool Download(DialStream& stream, int socket, bool datagrams, int wake) {
  std::string buffer(kPiece, '\0');
  for (;;) {
    pollfd fds[] = {{socket, POLLIN, 0}, {wake, POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return false;
    const ssize_t n = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0 && datagrams && errno == ECONNREFUSED) continue;
    if (n < 0) return false;
    if (n == 0 && !datagrams) return true;
    if (!SendData(stream, buffer.data(), static_cast<std::size_t>(n))) return false;
  }
}

absl::StatusOr<UniqueFd> Connect(const v1::DialRequest::Target& target, DialStream& stream) {
  if (target.port() < 1 || target.port() > 65535) return NoTarget();
  if (!target.datagrams()) return DialTcp(target.port());
  const std::optional<v1::DialRequest> first = stream.Read();
  if (!first.has_value()) return absl::CancelledError("the caller left before its first datagram");
  return DialUdp(target.port(), first->data());
}

}  // namespace

absl::Status RunDial(const std::stop_token& stop, DialStream& stream) {
  const std::optional<v1::DialRequest> first = stream.Read();
  if (!first.has_value() || !first->has_target()) return NoTarget();
  const bool datagrams = first->target().datagrams();
  BANGER_ASSIGN_OR_RETURN(const UniqueFd socket, Connect(first->target(), stream));
  const UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoError(errno, "create eventfd");
  const std::stop_callback cancel(stop, [&wake] { Wake(wake.get()); });
  std::thread upload([&] { Upload(stream, socket.get(), datagrams, wake.get()); });
  const bool closed = Download(stream, socket.get(), datagrams, wake.get());
  if (closed) {
    v1::DialResponse response;
    response.mutable_closed();
    stream.Send(std::move(response));
  } else {
    Wake(wake.get());
    stream.StopReading();
  }
  upload.join();
  return absl::OkStatus();
}

}  // namespace banger::agent
