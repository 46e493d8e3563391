// The console's calls as JSON, in the API's own form: a message of a method is its
// protobuf's JSON.
#pragma once

#include <google/protobuf/descriptor.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger::gateway {

// `name` is "banger.vm.v1.VmService/GetVm". Null for what the page has no use for: a
// stolen session reaches no more than the page does.
const google::protobuf::MethodDescriptor* FindConsoleMethod(const std::string& name);

// INVALID_ARGUMENT for what is no such request.
absl::StatusOr<grpc::ByteBuffer> RequestFromJson(const google::protobuf::MethodDescriptor& method,
                                                 const std::string& json);

// On one line. DATA_LOSS for what is no such response.
absl::StatusOr<std::string> ResponseToJson(const google::protobuf::MethodDescriptor& method,
                                           const grpc::ByteBuffer& response);

// {"code":"NOT_FOUND","reason":"VM_NOT_FOUND","message":"..."}, on one line.
std::string ErrorToJson(const absl::Status& status);

// The text of a field of a JSON object; empty when it has none.
std::string TextIn(const std::string& json, const std::string& field);

// {"a":"b"} of any texts.
std::string TextsToJson(std::initializer_list<std::pair<const char*, std::string>> fields);

}  // namespace banger::gateway
