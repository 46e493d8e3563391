#include "services/gateway/console/service.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/rpc/server_call.h"
#include "common/status/status_macros.h"
#include "services/gateway/audit.h"
#include "services/gateway/caller.h"
#include "services/gateway/core/policy.h"
#include "services/gateway/errors.h"

namespace banger::gateway {
namespace {

namespace v1 = system::v1;

constexpr char kPath[] = "/banger.system.v1.ConsoleService/CreateConsoleLogin";

}  // namespace

grpc::ServerUnaryReactor* ConsoleService::CreateConsoleLogin(grpc::CallbackServerContext* context,
                                                             const v1::CreateConsoleLoginRequest*,
                                                             v1::CreateConsoleLoginResponse* response) {
  const auto log_in = [this](const Caller& caller) -> absl::StatusOr<v1::CreateConsoleLoginResponse> {
    BANGER_RETURN_IF_ERROR(RequireRole(caller, FindPolicy(kPath)->role, kPath));
    if (address_.empty()) return ConsoleOff();
    v1::CreateConsoleLoginResponse made;
    const std::string login = sessions_.NewLogin({.name = caller.name, .role = caller.role});
    made.set_url(absl::StrCat("http://", address_, "/#login=", login));
    made.mutable_ttl()->set_seconds(std::chrono::seconds(ConsoleSessions::kLoginLife).count());
    return made;
  };
  return rpc::Unary(workers_, context, response,
                    [caller = CallerOf(*context), log_in](const rpc::Call& call) {
                      absl::StatusOr<v1::CreateConsoleLoginResponse> made = log_in(caller);
                      Audit(caller, call, kPath, "", static_cast<grpc::StatusCode>(made.status().code()));
                      return made;
                    });
}

}  // namespace banger::gateway
