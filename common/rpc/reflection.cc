#include "common/rpc/reflection.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>

namespace banger::rpc {

void EnableReflection() { grpc::reflection::InitProtoReflectionServerBuilderPlugin(); }

}  // namespace banger::rpc
