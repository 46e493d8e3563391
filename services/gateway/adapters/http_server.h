// HTTP/1.1, by libmicrohttpd.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace banger::gateway {

struct HttpRequest {
  std::string method;
  // Without the query, which nobody here reads.
  std::string path;
  // By lower-case name. One that came twice has both values, with ", " between.
  std::map<std::string, std::string> headers;
  std::string body;

  // Empty when there is none.
  const std::string& Header(const std::string& name) const;
};

// A body that is made while it is sent.
class HttpBody {
 public:
  virtual ~HttpBody() = default;
  // Appends what comes next, at least a byte; false at the end. May block for some
  // seconds: whether the client is still there shows only when something is sent.
  virtual bool Next(std::string& out) = 0;
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Instead of `body`.
  std::unique_ptr<HttpBody> stream;
};

// Who can reach it: only programs of this host, or those of others too.
enum class HttpReach { kThisHost, kOtherHosts };

struct HttpLimits {
  std::size_t body_bytes = 128 << 10;
  // Each has a thread.
  unsigned connections = 64;
  // For a request to come, and for a client to take something of its answer.
  std::chrono::milliseconds request_time = std::chrono::seconds(30);
};

// A thread for each connection: handlers may block. Requests that are too large, come
// too slowly or are malformed are answered or dropped here.
class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // `address` is "127.0.0.1:7480" or "[::1]:7480"; port 0 takes a free one. `key` is where
  // the configuration has it. INVALID_ARGUMENT naming both for what is no address, or of
  // no loopback where no other host may reach it.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& key, const std::string& address,
                                                           HttpReach reach, Handler handler,
                                                           HttpLimits limits = {});

  // Takes no more requests and waits for those under way, whose bodies have to end.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // With the port that it got.
  const std::string& address() const { return address_; }

 private:
  class Daemon;

  HttpServer();

  std::string address_;
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace banger::gateway
