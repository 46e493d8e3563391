#include "services/gateway/reflection_service.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>

namespace banger::gateway {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

const DescriptorPool& Pool() { return *DescriptorPool::generated_pool(); }

// The file and all that it imports, each once.
template <typename Response>
void AddFile(const FileDescriptor& file, std::set<const FileDescriptor*>& added, Response& response) {
  if (!added.insert(&file).second) return;
  FileDescriptorProto proto;
  file.CopyTo(&proto);
  *response.mutable_file_descriptor_response()->add_file_descriptor_proto() = proto.SerializeAsString();
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), added, response);
}

const FileDescriptor* FileOfExtension(const std::string& type, int number) {
  const Descriptor* message = Pool().FindMessageTypeByName(type);
  const FieldDescriptor* extension =
      message != nullptr ? Pool().FindExtensionByNumber(message, number) : nullptr;
  return extension != nullptr ? extension->file() : nullptr;
}

template <typename Request>
const FileDescriptor* FindFile(const Request& request) {
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      return Pool().FindFileByName(request.file_by_filename());
    case Request::kFileContainingSymbol:
      return Pool().FindFileContainingSymbol(request.file_containing_symbol());
    case Request::kFileContainingExtension:
      return FileOfExtension(request.file_containing_extension().containing_type(),
                             request.file_containing_extension().extension_number());
    default:
      return nullptr;
  }
}

template <typename Response>
bool AddExtensionNumbers(const std::string& type, Response& response) {
  const Descriptor* message = Pool().FindMessageTypeByName(type);
  if (message == nullptr) return false;
  std::vector<const FieldDescriptor*> extensions;
  Pool().FindAllExtensions(message, &extensions);
  auto& numbers = *response.mutable_all_extension_numbers_response();
  numbers.set_base_type_name(type);
  for (const FieldDescriptor* extension : extensions) numbers.add_extension_number(extension->number());
  return true;
}

}  // namespace

template <typename Request, typename Response>
Response AnswerReflection(const Request& request, const std::vector<std::string>& services) {
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  bool found = true;
  if (request.message_request_case() == Request::kListServices) {
    auto& list = *response.mutable_list_services_response();
    for (const std::string& service : services) list.add_service()->set_name(service);
  } else if (request.message_request_case() == Request::kAllExtensionNumbersOfType) {
    found = AddExtensionNumbers(request.all_extension_numbers_of_type(), response);
  } else {
    std::set<const FileDescriptor*> added;
    const FileDescriptor* file = FindFile(request);
    found = file != nullptr;
    if (found) AddFile(*file, added, response);
  }
  if (!found) {
    const bool known = request.message_request_case() != Request::MESSAGE_REQUEST_NOT_SET;
    auto& error = *response.mutable_error_response();
    error.set_error_code(known ? grpc::StatusCode::NOT_FOUND : grpc::StatusCode::INVALID_ARGUMENT);
    error.set_error_message(known ? "not found" : "the request asks for nothing");
  }
  return response;
}

template grpc::reflection::v1::ServerReflectionResponse AnswerReflection(
    const grpc::reflection::v1::ServerReflectionRequest&, const std::vector<std::string>&);
template grpc::reflection::v1alpha::ServerReflectionResponse AnswerReflection(
    const grpc::reflection::v1alpha::ServerReflectionRequest&, const std::vector<std::string>&);

}  // namespace banger::gateway
