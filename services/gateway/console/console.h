// The web console: a page, its login, and its calls, which go through the gateway's own
// services as those of any other client, with the role of whoever logged in.
#pragma once

#include <grpcpp/server_builder.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/peer_servers.h"
#include "common/sync/mutex.h"
#include "services/gateway/adapters/http_server.h"
#include "services/gateway/console/live_calls.h"
#include "services/gateway/console/sessions.h"
#include "services/gateway/core/token_bucket.h"

namespace banger::gateway {

class Console {
 public:
  // `configure` registers the gateway's services; `sessions` outlive this.
  // INVALID_ARGUMENT naming web_listen_addr when that is wrong.
  static absl::StatusOr<std::unique_ptr<Console>> Start(const std::string& address, ConsoleSessions& sessions,
                                                        std::function<void(grpc::ServerBuilder&)> configure,
                                                        HttpLimits limits = {});

  // Ends all sessions with what they have under way.
  ~Console();

  const std::string& address() const { return http_->address(); }
  std::size_t live_calls() { return calls_.size(); }

 private:
  Console(ConsoleSessions& sessions, std::function<void(grpc::ServerBuilder&)> configure);

  HttpResponse Handle(const HttpRequest& request);
  HttpResponse Post(const HttpRequest& request);
  HttpResponse LogIn(const HttpRequest& request);
  HttpResponse LogOut(const HttpRequest& request);
  HttpResponse Call(const HttpRequest& request, const std::shared_ptr<ConsoleSession>& session);
  HttpResponse Input(const HttpRequest& request, const ConsoleSession& session);
  std::shared_ptr<grpc::Channel> Connect(const ConsoleUser& user);

  ConsoleSessions& sessions_;
  LiveCalls calls_;
  rpc::PeerServers servers_;
  Mutex mutex_;
  // Of more that are wrong none is logged. A right login comes in all the same: nobody
  // keeps others out.
  TokenBucket wrong_logins_ ABSL_GUARDED_BY(mutex_){10, 0.2};
  std::unique_ptr<HttpServer> http_;
};

}  // namespace banger::gateway
