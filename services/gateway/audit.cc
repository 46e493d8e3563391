#include "services/gateway/audit.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/log/log.h"

namespace banger::gateway {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

// Both are what a client says.
constexpr std::size_t kMaxShown = 128;

// "/banger.vm.v1.VmService/GetVm".
const Descriptor* RequestOf(const std::string& path) {
  std::string name = path.substr(1);
  std::replace(name.begin(), name.end(), '/', '.');
  const auto* method = DescriptorPool::generated_pool()->FindMethodByName(name);
  return method != nullptr ? method->input_type() : nullptr;
}

std::string Short(const std::string& text) {
  return text.size() > kMaxShown ? absl::StrCat(text.substr(0, kMaxShown), "...") : text;
}

std::string Shown(std::string text) {
  const std::size_t digest = std::min(text.rfind("@sha256:"), text.size());
  const std::size_t at = text.substr(0, digest).rfind('@');
  if (at != std::string::npos) text = absl::StrCat("...", text.substr(at));
  return Short(text);
}

std::string Value(const Message& message, const std::string& field) {
  const Message* at = &message;
  const std::vector<std::string> steps = absl::StrSplit(field, '.');
  for (const std::string& step : steps) {
    const FieldDescriptor* found = at->GetDescriptor()->FindFieldByName(step);
    if (found == nullptr || found->is_repeated()) return "?";
    if (found->cpp_type() == FieldDescriptor::CPPTYPE_STRING)
      return at->GetReflection()->GetString(*at, found);
    if (found->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return "?";
    at = &at->GetReflection()->GetMessage(*at, found);
  }
  return "?";
}

}  // namespace

void Audit(const Caller& caller, const rpc::Call& call, const std::string& path, const std::string& resource,
           grpc::StatusCode code) {
  const log::ScopedRequestId scope(call.request_id);
  const auto elapsed = std::chrono::steady_clock::now() - call.start;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count();
  log::Info("audit", {{"client", caller.name},
                      {"role", NameOf(caller.role)},
                      {"method", Short(path)},
                      {"resource", resource},
                      {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(code))},
                      {"ms", absl::StrCat(milliseconds)}});
}

std::string ResourceIn(const grpc::ByteBuffer& request, const std::string& path, const std::string& field) {
  const Descriptor* type = RequestOf(path);
  if (type == nullptr) return "?";
  const std::unique_ptr<Message> message(MessageFactory::generated_factory()->GetPrototype(type)->New());
  grpc::ByteBuffer bytes = request;  // shares the slices
  grpc::ProtoBufferReader reader(&bytes);
  if (!reader.status().ok() || !message->ParseFromZeroCopyStream(&reader)) return "?";
  return Shown(Value(*message, field));
}

}  // namespace banger::gateway
