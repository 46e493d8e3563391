#include "services/gateway/adapters/http_server.h"

#include <microhttpd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/gateway/adapters/http_connections.h"
#include "services/gateway/adapters/listen_address.h"

namespace banger::gateway {
namespace {

constexpr std::size_t kBlock = 64 << 10;
// For the request line and headers; more is answered with 431.
constexpr std::size_t kConnectionMemory = 32 << 10;

struct Outgoing {
  std::unique_ptr<HttpBody> body;
  std::string pending;
  std::size_t sent = 0;
};

ssize_t SendNext(void* closure, std::uint64_t, char* to, std::size_t room) {
  auto& out = *static_cast<Outgoing*>(closure);
  if (out.sent == out.pending.size()) {
    out.pending.clear();
    out.sent = 0;
    if (!out.body->Next(out.pending)) return MHD_CONTENT_READER_END_OF_STREAM;
  }
  const std::size_t size = out.pending.copy(to, room, out.sent);
  out.sent += size;
  return static_cast<ssize_t>(size);
}

void FreeOutgoing(void* closure) { delete static_cast<Outgoing*>(closure); }

MHD_Response* MakeResponse(HttpResponse& response) {
  if (response.stream == nullptr)
    return MHD_create_response_from_buffer(response.body.size(), response.body.data(), MHD_RESPMEM_MUST_COPY);
  auto* out = new Outgoing{.body = std::move(response.stream), .pending = {}, .sent = 0};
  MHD_Response* made =
      MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kBlock, SendNext, out, FreeOutgoing);
  if (made == nullptr) delete out;
  return made;
}

MHD_Result Answer(MHD_Connection* connection, HttpResponse response) {
  MHD_Response* made = MakeResponse(response);
  if (made == nullptr) return MHD_NO;
  for (const auto& [name, value] : response.headers)
    MHD_add_response_header(made, name.c_str(), value.c_str());
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(response.status), made);
  MHD_destroy_response(made);
  return queued;
}

MHD_Result NoteHeader(void* closure, MHD_ValueKind, const char* name, const char* value) {
  std::string& noted = static_cast<HttpRequest*>(closure)->headers[absl::AsciiStrToLower(name)];
  if (!noted.empty()) noted += ", ";
  if (value != nullptr) noted += value;
  return MHD_YES;
}

// 0 when it may come.
int Refusal(const HttpRequest& request, std::size_t limit) {
  if (request.method != MHD_HTTP_METHOD_GET && request.method != MHD_HTTP_METHOD_POST)
    return MHD_HTTP_METHOD_NOT_ALLOWED;
  if (request.headers.contains("transfer-encoding")) return MHD_HTTP_LENGTH_REQUIRED;
  std::uint64_t length = 0;
  const std::string& text = request.Header("content-length");
  if (request.method == MHD_HTTP_METHOD_POST && text.empty()) return MHD_HTTP_LENGTH_REQUIRED;
  if (!text.empty() && !absl::SimpleAtoi(text, &length)) return MHD_HTTP_BAD_REQUEST;
  return length > limit ? MHD_HTTP_CONTENT_TOO_LARGE : 0;
}

void Log(void*, const char* format, va_list arguments) __attribute__((format(printf, 2, 0)));
void Log(void*, const char* format, va_list arguments) {
  char line[256];
  std::vsnprintf(line, sizeof line, format, arguments);
  log::Debug("HTTP server", {{"message", std::string(absl::StripAsciiWhitespace(line))}});
}

}  // namespace

const std::string& HttpRequest::Header(const std::string& name) const {
  static const std::string none;
  const auto found = headers.find(name);
  return found != headers.end() ? found->second : none;
}

class HttpServer::Daemon {
 public:
  Daemon(Handler handler, HttpLimits limits)
      : handler_(std::move(handler)), limits_(limits), connections_(limits.request_time) {}
  ~Daemon() {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }

  // Takes the socket.
  absl::Status Start(UniqueFd listener) {
    const auto seconds =
        std::max<long>(1, std::chrono::ceil<std::chrono::seconds>(limits_.request_time).count());
    daemon_ = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ERROR_LOG, 0,
        nullptr, nullptr, &Daemon::Handle, this, MHD_OPTION_EXTERNAL_LOGGER, &Log, nullptr,
        MHD_OPTION_LISTEN_SOCKET, listener.get(), MHD_OPTION_CONNECTION_LIMIT, limits_.connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, MHD_OPTION_CONNECTION_TIMEOUT,
        static_cast<unsigned>(seconds), MHD_OPTION_NOTIFY_COMPLETED, &Daemon::Completed, this,
        MHD_OPTION_NOTIFY_CONNECTION, &Daemon::Connected, this, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (daemon_ == nullptr) return ErrnoError(errno, "start an HTTP server");
    [[maybe_unused]] const int taken = listener.Release();  // MHD closes it
    return absl::OkStatus();
  }

 private:
  // Called with the head, with each piece of the body, and when that is whole.
  static MHD_Result Handle(void* self, MHD_Connection* connection, const char* url, const char* method,
                           const char*, const char* data, std::size_t* size, void** state) {
    auto& daemon = *static_cast<Daemon*>(self);
    if (*state == nullptr) {
      auto* incoming = new HttpRequest{.method = method, .path = url, .headers = {}, .body = {}};
      *state = incoming;  // Completed deletes it
      MHD_get_connection_values(connection, MHD_HEADER_KIND, &NoteHeader, incoming);
      const int refusal = Refusal(*incoming, daemon.limits_.body_bytes);
      if (refusal == 0) return MHD_YES;
      return Answer(connection, {.status = refusal, .headers = {}, .body = {}, .stream = {}});
    }
    HttpRequest& request = *static_cast<HttpRequest*>(*state);
    if (*size > 0) {
      if (request.body.size() + *size > daemon.limits_.body_bytes) return MHD_NO;
      request.body.append(data, *size);
      *size = 0;
      return MHD_YES;
    }
    daemon.connections_.Answers(connection);
    return Answer(connection, daemon.handler_(request));
  }

  static void Completed(void* self, MHD_Connection* connection, void** state, MHD_RequestTerminationCode) {
    delete static_cast<HttpRequest*>(std::exchange(*state, nullptr));
    static_cast<Daemon*>(self)->connections_.Waits(connection);
  }

  static void Connected(void* self, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code) {
    HttpConnections& connections = static_cast<Daemon*>(self)->connections_;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
      connections.Remove(connection);
      return;
    }
    const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != nullptr) connections.Add(connection, info->connect_fd);
  }

  const Handler handler_;
  const HttpLimits limits_;
  HttpConnections connections_;
  MHD_Daemon* daemon_ = nullptr;
};

HttpServer::HttpServer() = default;
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& key,
                                                              const std::string& address, HttpReach reach,
                                                              Handler handler, HttpLimits limits) {
  // Anything else that ListenTcp takes is no address of this host alone.
  if (reach == HttpReach::kThisHost && !address.starts_with("127.") && !address.starts_with("[::1]:"))
    return absl::InvalidArgumentError(absl::StrCat(
        key, " in the configuration: '", address,
        "' is not a loopback address and port, as 127.0.0.1:7480; other hosts reach it through ssh -L"));
  absl::StatusOr<UniqueFd> listener = ListenTcp(address);
  if (!listener.ok()) return Annotate(listener.status(), absl::StrCat(key, " in the configuration"));
  std::unique_ptr<HttpServer> server(new HttpServer);
  server->address_ = absl::StrCat(address.substr(0, address.rfind(':')), ":", PortOf(listener->get()));
  server->daemon_ = std::make_unique<Daemon>(std::move(handler), limits);
  BANGER_RETURN_IF_ERROR(server->daemon_->Start(*std::move(listener)));
  return server;
}

}  // namespace banger::gateway
