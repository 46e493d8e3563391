#include "common/http/testing/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace banger::http {
namespace {

// The request's head, and what came with it of the body; empty when the client
// left before its end.
std::string ReadHead(int fd) {
  std::string head;
  std::array<char, 4096> buffer;
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
    constexpr char kTlsHandshake = 0x16;
    if (count <= 0 || (head.empty() && buffer[0] == kTlsHandshake)) return {};
    head.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return head;
}

HttpServer::Request Parse(const std::string& head) {
  HttpServer::Request request;
  bool first = true;
  for (absl::string_view line : absl::StrSplit(head, "\r\n")) {
    if (std::exchange(first, false)) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      request.method = words[0];
      if (words.size() > 1) request.target = words[1];
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;
    request.headers[absl::AsciiStrToLower(line.substr(0, colon))] =
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return request;
}

void ReadBody(int fd, HttpServer::Request& request) {
  std::size_t size = 0;
  if (!absl::SimpleAtoi(request.Header("content-length"), &size)) return;
  std::array<char, 4096> buffer;
  while (request.body.size() < size) {
    const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (count <= 0) return;
    request.body.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

std::string HttpServer::Request::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::int64_t HttpServer::Request::RangeStart() const {
  const std::string field = Header("range");
  absl::string_view text = field;
  std::int64_t start = 0;
  if (!absl::ConsumePrefix(&text, "bytes=") || !absl::SimpleAtoi(absl::StripSuffix(text, "-"), &start))
    return 0;
  return start;
}

bool HttpServer::Client::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void HttpServer::Client::Reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void HttpServer::Client::WaitUntilGone() {
  std::array<char, 256> buffer;
  while (::recv(fd_, buffer.data(), buffer.size(), 0) > 0) {
  }
}

HttpServer::HttpServer(Handler handler)
    : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), 128) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

HttpServer::~HttpServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mutex_);
    for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

std::string HttpServer::Url(const std::string& path) const {
  return absl::StrCat("http://127.0.0.1:", port_, path);
}

std::vector<HttpServer::Request> HttpServer::requests() const {
  const MutexLock lock(mutex_);
  return requests_;
}

void HttpServer::Accept() {
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const MutexLock lock(mutex_);
    connections_.push_back(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void HttpServer::Serve(int fd) {
  const std::string head = ReadHead(fd);
  if (!head.empty()) {
    const std::size_t end = head.find("\r\n\r\n");
    Request request = Parse(head.substr(0, end));
    request.body = head.substr(end + 4);
    ReadBody(fd, request);
    {
      const MutexLock lock(mutex_);
      requests_.push_back(request);
    }
    Client client(fd);
    handler_(request, client);
  }
  const MutexLock lock(mutex_);
  connections_.erase(std::find(connections_.begin(), connections_.end(), fd));
  ::close(fd);
}

std::string Response(const std::string& status, const std::vector<std::string>& headers,
                     absl::string_view body) {
  std::string text =
      absl::StrCat("HTTP/1.1 ", status, "\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\n");
  for (const std::string& header : headers) absl::StrAppend(&text, header, "\r\n");
  absl::StrAppend(&text, "\r\n", body);
  return text;
}

void ServedFile::Answer(const HttpServer::Request& request, HttpServer::Client& client) const {
  const auto condition = request.headers.find("if-range");
  const bool fresh = condition == request.headers.end() || condition->second == etag;
  const std::size_t start = ranges && fresh ? static_cast<std::size_t>(request.RangeStart()) : 0;
  const std::vector<std::string> headers = {"ETag: " + etag};
  if (start > 0 && start >= content.size()) {
    client.Send(
        Response("416 Range Not Satisfiable", {absl::StrCat("Content-Range: bytes */", content.size())}, ""));
    return;
  }
  const absl::string_view body = absl::string_view(content).substr(start);
  std::vector<std::string> all = headers;
  if (start > 0)
    all.push_back(absl::StrCat("Content-Range: bytes ", start, "-", content.size() - 1, "/", content.size()));
  std::string answer = Response(start > 0 ? "206 Partial Content" : "200 OK", all, body);
  if (cut_after < body.size()) answer.resize(answer.size() - body.size() + cut_after);
  client.Send(answer);
}

}  // namespace banger::http
