// A web server for tests, in this process and on loopback, that does to its
// clients whatever a test wants. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"

namespace banger::http {

class HttpServer {
 public:
  struct Request {
    std::string method;
    std::string target;                          // "/a", or a whole URL when asked as a proxy
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    // Empty when there is none.
    std::string Header(const std::string& name) const;
    // Where "Range: bytes=N-" starts; 0 without.
    std::int64_t RangeStart() const;
  };

  // The connection of one request; it is closed after the handler.
  class Client {
   public:
    explicit Client(int fd) : fd_(fd) {}
    // False when the client has gone.
    bool Send(absl::string_view bytes);
    // Ends the connection with a reset instead of an orderly close.
    void Reset();
    void WaitUntilGone();

   private:
    const int fd_;
  };

  // Called on a thread of its own for each request. Who speaks TLS is hung up on.
  using Handler = std::function<void(const Request&, Client&)>;

  explicit HttpServer(Handler handler);
  // Cuts off whoever is still there.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "http://127.0.0.1:PORT/path".
  std::string Url(const std::string& path) const;
  int port() const { return port_; }
  std::vector<Request> requests() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Accept();
  void Serve(int fd);

  const Handler handler_;
  UniqueFd listener_;
  int port_ = 0;
  mutable Mutex mutex_;
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> connections_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

// "200 OK", {"ETag: \"a\""}, with the Content-Length of the body.
std::string Response(const std::string& status, const std::vector<std::string>& headers,
                     absl::string_view body);

// A file as a sound server answers for it, ranges included. With `cut_after`
// each answer breaks off after so many bytes of body.
struct ServedFile {
  std::string content;
  std::string etag = "\"1\"";
  std::size_t cut_after = SIZE_MAX;
  bool ranges = true;

  void Answer(const HttpServer::Request& request, HttpServer::Client& client) const;
};

}  // namespace banger::http
