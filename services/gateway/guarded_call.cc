#include "services/gateway/guarded_call.h"

namespace banger::gateway {

grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context, const Caller& caller,
                                 const std::string& path, const absl::Status& why) {
  const rpc::Call call = rpc::MakeCall(*context, {});
  const grpc::Status status = rpc::FinishCall(call, why);
  Audit(caller, call, path, "", status.error_code());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

}  // namespace banger::gateway
