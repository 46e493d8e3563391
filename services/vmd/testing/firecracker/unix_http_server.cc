#include "services/vmd/testing/firecracker/unix_http_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/os/unix_socket.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace {

constexpr std::size_t kMaxRequest = 51200;

// A whole request is taken off the front.
std::optional<HttpRequest> TakeRequest(std::string& received) {
  const std::size_t head_end = received.find("\r\n\r\n");
  if (head_end == std::string::npos) return std::nullopt;
  const std::vector<std::string> lines = absl::StrSplit(received.substr(0, head_end), "\r\n");
  std::size_t length = 0;
  for (const std::string& line : lines)
    if (absl::StartsWithIgnoreCase(line, "content-length:") && !absl::SimpleAtoi(line.substr(15), &length))
      length = kMaxRequest;
  if (received.size() < head_end + 4 + length) return std::nullopt;
  const std::vector<std::string> first = absl::StrSplit(lines[0], ' ');
  HttpRequest request{.method = first[0],
                      .path = first.size() > 1 ? first[1] : "",
                      .body = received.substr(head_end + 4, length)};
  received.erase(0, head_end + 4 + length);
  return request;
}

std::string Render(const HttpAnswer& answer) {
  const std::string head = absl::StrCat("HTTP/1.1 ", answer.status, " \r\nServer: Firecracker API\r\n");
  if (answer.status == 204) return absl::StrCat(head, "Connection: keep-alive\r\n\r\n");
  return absl::StrCat(head, "Content-Type: application/json\r\nContent-Length: ", answer.body.size(),
                      "\r\n\r\n", answer.body);
}

}  // namespace

absl::StatusOr<UnixHttpServer> UnixHttpServer::Listen(const std::filesystem::path& socket, Handler handler) {
  std::error_code ignored;
  if (std::filesystem::exists(socket, ignored))
    return absl::AlreadyExistsError(absl::StrCat("'", socket.string(), "' is there already"));
  BANGER_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(socket, 0600));
  return UnixHttpServer(std::move(listener), std::move(handler));
}

void UnixHttpServer::Serve(const std::function<int()>& end) {
  for (;;) {
    std::vector<pollfd> fds = {{end(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Connection& connection : connections_) fds.push_back({connection.fd.get(), POLLIN, 0});
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) return;
    for (std::size_t i = connections_.size(); i > 0; --i)
      if (fds[i + 1].revents != 0 && !Read(connections_[i - 1]))
        connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    if (fds[1].revents == 0) continue;
    UniqueFd accepted(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (accepted.valid()) connections_.push_back({std::move(accepted), ""});
  }
}

bool UnixHttpServer::Read(Connection& connection) {
  char bytes[16 << 10];
  const ssize_t n = ::recv(connection.fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  connection.received.append(bytes, static_cast<std::size_t>(n));
  if (n == 0 || connection.received.size() > kMaxRequest) return false;
  while (const std::optional<HttpRequest> request = TakeRequest(connection.received)) {
    const std::string answer = Render(handler_(*request));
    if (::send(connection.fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return false;
  }
  return true;
}

}  // namespace banger::vmd
