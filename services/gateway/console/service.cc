#include "services/gateway/console/service.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "services/gateway/errors.h"
#include "services/gateway/guarded_call.h"

namespace banger::gateway {

namespace v1 = system::v1;

grpc::ServerUnaryReactor* ConsoleService::CreateConsoleLogin(grpc::CallbackServerContext* context,
                                                             const v1::CreateConsoleLoginRequest*,
                                                             v1::CreateConsoleLoginResponse* response) {
  return Guarded(
      workers_, context, "/banger.system.v1.ConsoleService/CreateConsoleLogin", response,
      [this](const Caller& caller, const rpc::Call&) -> absl::StatusOr<v1::CreateConsoleLoginResponse> {
        if (address_.empty()) return ConsoleOff();
        v1::CreateConsoleLoginResponse made;
        const std::string login = sessions_.NewLogin({.name = caller.name, .role = caller.role});
        made.set_url(absl::StrCat("http://", address_, "/#login=", login));
        made.mutable_ttl()->set_seconds(std::chrono::seconds(ConsoleSessions::kLoginLife).count());
        return made;
      });
}

}  // namespace banger::gateway
