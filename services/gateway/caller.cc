#include "services/gateway/caller.h"

#include "absl/strings/str_cat.h"
#include "common/rpc/call.h"
#include "common/rpc/peer_servers.h"
#include "services/gateway/errors.h"

namespace banger::gateway {
namespace {

std::string Stamp(const grpc::CallbackServerContext& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  return found == context.client_metadata().end() ? ""
                                                  : std::string(found->second.data(), found->second.size());
}

}  // namespace

Caller CallerOf(const grpc::CallbackServerContext& context) {
  Caller caller{.name = Stamp(context, rpc::kPeerNameKey),
                .role = RoleNamed(Stamp(context, rpc::kPeerRoleKey))};
  if (caller.name.empty()) caller.name = absl::StrCat("uid:", Stamp(context, rpc::kPeerUidKey));
  return caller;
}

absl::Status RequireRole(const Caller& caller, Role needed, const std::string& path) {
  if (caller.role >= needed) return absl::OkStatus();
  return RoleTooLow(path.substr(path.rfind('/') + 1), NameOf(needed), caller.name, NameOf(caller.role));
}

}  // namespace banger::gateway
