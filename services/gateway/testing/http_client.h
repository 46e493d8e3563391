// An HTTP client that sends what no library would.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/os/unique_fd.h"

namespace banger::gateway {

// `address` is "127.0.0.1:PORT". 20 seconds for each step.
class HttpClient {
 public:
  explicit HttpClient(const std::string& address)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    int port = 0;
    if (!absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) return;
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) socket_.Reset();
  }

  bool Send(const std::string& bytes) {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  // Until `end` has come, or the server has closed the connection.
  std::string Read(const std::string& end = "\n\n\n never") {
    while (read_.find(end) == std::string::npos) {
      char buffer[4096];
      const ssize_t count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
      closed_ = count == 0 || (count < 0 && errno == ECONNRESET);
      if (count <= 0) break;
      read_.append(buffer, static_cast<std::size_t>(count));
    }
    return read_;
  }
  bool closed() const { return closed_; }
  void Close() { socket_.Reset(); }

 private:
  UniqueFd socket_;
  std::string read_;
  bool closed_ = false;
};

// The whole answer to one request.
inline std::string Exchange(const std::string& address, const std::string& request) {
  HttpClient client(address);
  client.Send(request);
  return client.Read();
}

// 0 for what is no answer.
inline int StatusOf(const std::string& answer) {
  int status = 0;
  return answer.starts_with("HTTP/1.1 ") && absl::SimpleAtoi(answer.substr(9, 3), &status) ? status : 0;
}

}  // namespace banger::gateway
