// As much HTTP/1.1 over a Unix socket as Firecracker's API has: requests of known
// length, connections that stay open.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger::vmd {

struct HttpRequest {
  std::string method;
  std::string path;
  std::string body;
};

struct HttpAnswer {
  int status = 204;
  std::string body;
};

// For one thread.
class UnixHttpServer {
 public:
  using Handler = std::function<HttpAnswer(const HttpRequest& request)>;

  // The socket must not be there.
  static absl::StatusOr<UnixHttpServer> Listen(const std::filesystem::path& socket, Handler handler);

  // Handles requests one after the other until the descriptor that `end` gives (-1:
  // none for now) is readable.
  void Serve(const std::function<int()>& end);

 private:
  struct Connection {
    UniqueFd fd;
    std::string received;
  };
  UnixHttpServer(UniqueFd listener, Handler handler)
      : listener_(std::move(listener)), handler_(std::move(handler)) {}
  // False when the connection is over.
  bool Read(Connection& connection);

  UniqueFd listener_;
  Handler handler_;
  std::vector<Connection> connections_;
};

}  // namespace banger::vmd
