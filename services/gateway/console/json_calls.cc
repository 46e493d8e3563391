#include "services/gateway/console/json_calls.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace banger::gateway {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;

const std::set<std::string> kMethods = {
    "banger.image.v1.ImageService/ListImages", "banger.kernel.v1.KernelService/ListKernels",
    "banger.vm.v1.VmService/DeleteVm",         "banger.vm.v1.VmService/ExecVm",
    "banger.vm.v1.VmService/GetVmStats",       "banger.vm.v1.VmService/StartVm",
    "banger.vm.v1.VmService/StopVm",           "banger.vm.v1.VmService/WatchVms",
};

std::unique_ptr<Message> NewMessage(const Descriptor* type) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(type)->New());
}

}  // namespace

const MethodDescriptor* FindConsoleMethod(const std::string& name) {
  if (!kMethods.contains(name)) return nullptr;
  std::string dotted = name;
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(dotted);
}

absl::StatusOr<grpc::ByteBuffer> RequestFromJson(const MethodDescriptor& method, const std::string& json) {
  const std::unique_ptr<Message> message = NewMessage(method.input_type());
  const auto status = google::protobuf::util::JsonStringToMessage(json, message.get());
  if (!status.ok())
    return absl::InvalidArgumentError(
        absl::StrCat("not a ", method.input_type()->name(), ": ", std::string(status.message())));
  const grpc::Slice slice(message->SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

absl::StatusOr<std::string> ResponseToJson(const MethodDescriptor& method, const grpc::ByteBuffer& response) {
  const std::unique_ptr<Message> message = NewMessage(method.output_type());
  grpc::ByteBuffer bytes = response;  // shares the slices
  grpc::ProtoBufferReader reader(&bytes);
  if (!reader.status().ok() || !message->ParseFromZeroCopyStream(&reader))
    return absl::DataLossError(absl::StrCat(method.name(), " answered with what is no response of it"));
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(*message, &json, options);
  if (!status.ok()) return absl::DataLossError(std::string(status.message()));
  return json;
}

std::string ErrorToJson(const absl::Status& status) {
  return TextsToJson({{"code", absl::StatusCodeToString(status.code())},
                      {"reason", ErrorReason(status)},
                      {"message", std::string(status.message())}});
}

std::string TextIn(const std::string& json, const std::string& field) {
  const auto object = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || !object.contains(field) || !object[field].is_string()) return "";
  return object[field].get<std::string>();
}

std::string TextsToJson(std::initializer_list<std::pair<const char*, std::string>> fields) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, text] : fields) object[name] = text;
  return object.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
}

}  // namespace banger::gateway
