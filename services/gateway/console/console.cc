#include "services/gateway/console/console.h"

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/rpc/limits.h"
#include "common/status/status_macros.h"
#include "services/gateway/console/assets.h"
#include "services/gateway/console/call_stream.h"
#include "services/gateway/console/json_calls.h"
#include "services/gateway/console/origin.h"

namespace banger::gateway {
namespace {

using namespace std::chrono_literals;

constexpr char kCookie[] = "banger-console";
constexpr char kProofHeader[] = "banger-console-proof";
constexpr char kCallPath[] = "/api/call/";
constexpr char kInputPath[] = "/api/input/";

HttpResponse Json(int status, std::string body) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = std::move(body),
          .stream = nullptr};
}

HttpResponse Error(int http, const absl::Status& status) {
  return Json(http, absl::StrCat("{\"error\":", ErrorToJson(status), "}"));
}

// Scripts and styles are files of ours; nobody else shows, embeds or keeps the page.
void Protect(HttpResponse& response) {
  response.headers.insert(
      response.headers.end(),
      {{"Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types "
        "'none'"},
       {"X-Content-Type-Options", "nosniff"},
       {"X-Frame-Options", "DENY"},
       {"Referrer-Policy", "no-referrer"},
       {"Cross-Origin-Opener-Policy", "same-origin"},
       {"Cross-Origin-Resource-Policy", "same-origin"},
       {"Cache-Control", "no-store"}});
}

std::string Cookie(const std::string& value, const std::string& attributes) {
  return absl::StrCat(kCookie, "=", value, "; Path=/; HttpOnly; SameSite=Strict", attributes);
}

}  // namespace

Console::Console(ConsoleSessions& sessions, std::function<void(grpc::ServerBuilder&)> configure)
    : sessions_(sessions), servers_({.configure = std::move(configure), .default_health = false}) {}

absl::StatusOr<std::unique_ptr<Console>> Console::Start(const std::string& address, ConsoleSessions& sessions,
                                                        std::function<void(grpc::ServerBuilder&)> configure,
                                                        HttpLimits limits) {
  std::unique_ptr<Console> console(new Console(sessions, std::move(configure)));
  const auto handle = [raw = console.get()](const HttpRequest& request) {
    HttpResponse response = raw->Handle(request);
    Protect(response);
    return response;
  };
  BANGER_ASSIGN_OR_RETURN(
      console->http_, HttpServer::Start("web_listen_addr", address, HttpReach::kThisHost, handle, limits));
  log::Info("serving the web console", {{"address", console->address()}});
  return console;
}

Console::~Console() {
  sessions_.EndAll();
  http_.reset();
  servers_.Shutdown(0ms);
}

HttpResponse Console::Handle(const HttpRequest& request) {
  if (!IsForThisHost(request))
    return Error(421, absl::PermissionDeniedError("the web console is no host of this name"));
  if (request.method == "POST") return Post(request);
  const Asset* asset = FindAsset(request.path);
  if (asset == nullptr) return Error(404, absl::NotFoundError("there is no such page"));
  return {.status = 200, .headers = {{"Content-Type", asset->type}}, .body = asset->text, .stream = nullptr};
}

HttpResponse Console::Post(const HttpRequest& request) {
  if (!IsFromOwnPage(request))
    return Error(403, absl::PermissionDeniedError("only the web console's own page may ask"));
  if (request.path == "/api/login") return LogIn(request);
  const std::shared_ptr<ConsoleSession> session =
      sessions_.Find(CookieIn(request, kCookie), request.Header(kProofHeader));
  if (session == nullptr) return Error(401, absl::UnauthenticatedError("nobody is logged in here"));
  if (request.path == "/api/logout") return LogOut(request);
  if (request.path.starts_with(kCallPath)) return Call(request, session);
  if (request.path.starts_with(kInputPath)) return Input(request, *session);
  return Error(404, absl::NotFoundError("there is no such call"));
}

HttpResponse Console::LogIn(const HttpRequest& request) {
  const auto opened = sessions_.Redeem(TextIn(request.body, "login"));
  if (!opened.has_value()) {
    const MutexLock lock(mutex_);
    if (!wrong_logins_.Take(std::chrono::steady_clock::now()))
      return Error(429, absl::ResourceExhaustedError("too many wrong logins; try again in some seconds"));
    log::Warn("web console: a login that is used up, too old or none");
    return Error(401, absl::UnauthenticatedError("this URL was used already, or is too old"));
  }
  const std::string role = NameOf(opened->user.role);
  log::Info("web console: login", {{"client", opened->user.name}, {"role", role}});
  HttpResponse response =
      Json(200, TextsToJson({{"proof", opened->proof}, {"client", opened->user.name}, {"role", role}}));
  response.headers.emplace_back("Set-Cookie", Cookie(opened->cookie, ""));
  return response;
}

HttpResponse Console::LogOut(const HttpRequest& request) {
  sessions_.End(CookieIn(request, kCookie));
  HttpResponse response = Json(200, "{}");
  response.headers.emplace_back("Set-Cookie", Cookie("", "; Max-Age=0"));
  return response;
}

HttpResponse Console::Call(const HttpRequest& request, const std::shared_ptr<ConsoleSession>& session) {
  const std::string name = request.path.substr(sizeof kCallPath - 1);
  const auto* method = FindConsoleMethod(name);
  if (method == nullptr) return Error(404, absl::NotFoundError("the web console has no such call"));
  const absl::StatusOr<grpc::ByteBuffer> first = RequestFromJson(*method, request.body);
  if (!first.ok()) return Error(400, first.status());
  const bool more = method->client_streaming();
  const absl::StatusOr<std::string> id = calls_.Reserve(session, more);
  if (!id.ok()) return Error(429, id.status());
  const std::shared_ptr<grpc::Channel> channel = Connect(session->user);
  if (channel == nullptr) {
    calls_.Remove(*id);
    return Error(503, absl::UnavailableError("the gateway is out of sockets; try again"));
  }
  const auto call = BackendCall::Start(channel, absl::StrCat("/", name), *first, more);
  calls_.Set(*id, call);
  return {.status = 200,
          .headers = {{"Content-Type", "application/x-ndjson"}},
          .body = {},
          .stream = std::make_unique<CallStream>(
              CallStream::Options{.id = *id,
                                  .method = method,
                                  .call = call,
                                  .session = session->ended.get_token(),
                                  .on_quiet = [this] { sessions_.EndExpired(); },
                                  .on_end = [this, id = *id] { calls_.Remove(id); }})};
}

// More of a call that takes more than one request: all of those are ExecVm.
HttpResponse Console::Input(const HttpRequest& request, const ConsoleSession& session) {
  const auto call = calls_.Find(request.path.substr(sizeof kInputPath - 1), session);
  if (call == nullptr) return Error(404, absl::NotFoundError("the command has ended"));
  const auto* method = FindConsoleMethod("banger.vm.v1.VmService/ExecVm");
  const absl::StatusOr<grpc::ByteBuffer> input = RequestFromJson(*method, request.body);
  if (!input.ok()) return Error(400, input.status());
  if (!call->Send(*input))
    return Error(429, absl::ResourceExhaustedError("the command takes no more input now"));
  return Json(200, "{}");
}

// The gateway's own services, in this process, over a socket whose other end is known
// to be this user. For one call: such a channel cannot connect a second time.
std::shared_ptr<grpc::Channel> Console::Connect(const ConsoleUser& user) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return nullptr;
  servers_.Serve(
      {.uid = ::geteuid(), .name = absl::StrCat(user.name, " (console)"), .role = NameOf(user.role)},
      UniqueFd(ends[0]));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomInsecureChannelFromFd("gateway", ends[1], arguments);
}

}  // namespace banger::gateway
