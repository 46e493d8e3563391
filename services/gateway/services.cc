#include "services/gateway/services.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "banger/image/v1/image_service.pb.h"
#include "banger/kernel/v1/kernel_service.pb.h"
#include "banger/system/v1/console_service.pb.h"
#include "banger/system/v1/daemon_service.pb.h"
#include "banger/system/v1/system_service.pb.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace banger::gateway {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

bool IsRead(const MethodDescriptor& method) {
  return !method.client_streaming() && !method.server_streaming() &&
         (method.name().starts_with("Get") || method.name().starts_with("List"));
}

}  // namespace

const std::vector<ForwardedService>& ForwardedServices() {
  static const auto* services = new std::vector<ForwardedService>{
      {"imaged", image::v1::GetImageRequest::descriptor()->file()->service(0)},
      {"kerneld", kernel::v1::GetKernelRequest::descriptor()->file()->service(0)},
      {"vmd", vm::v1::GetVmRequest::descriptor()->file()->service(0)},
  };
  return *services;
}

std::vector<const ServiceDescriptor*> ServedServices() {
  std::vector<const ServiceDescriptor*> services;
  for (const ForwardedService& service : ForwardedServices()) services.push_back(service.descriptor);
  for (const google::protobuf::FileDescriptor* file :
       {system::v1::CreateConsoleLoginRequest::descriptor()->file(),
        system::v1::GetDaemonRequest::descriptor()->file(),
        system::v1::ListDaemonsRequest::descriptor()->file(),
        grpc::health::v1::HealthCheckRequest::descriptor()->file(),
        grpc::reflection::v1::ServerReflectionRequest::descriptor()->file(),
        grpc::reflection::v1alpha::ServerReflectionRequest::descriptor()->file()})
    services.push_back(file->service(0));
  return services;
}

std::set<std::string> ReadMethods(const ServiceDescriptor& service) {
  std::set<std::string> reads;
  for (int i = 0; i < service.method_count(); ++i)
    if (IsRead(*service.method(i))) reads.insert(service.method(i)->name());
  return reads;
}

RouteTable MakeRoutes(const std::vector<ForwardedService>& services) {
  RouteTable routes;
  for (const ForwardedService& service : services) {
    for (int i = 0; i < service.descriptor->method_count(); ++i) {
      const MethodDescriptor& method = *service.descriptor->method(i);
      routes.Add(absl::StrCat("/", service.descriptor->full_name(), "/", method.name()), service.daemon,
                 {.is_read = IsRead(method),
                  .client_streams = method.client_streaming(),
                  .server_streams = method.server_streaming()});
    }
  }
  return routes;
}

std::string RetryReads(const ServiceDescriptor& service) {
  const std::set<std::string> reads = ReadMethods(service);
  const std::string names =
      absl::StrJoin(reads, ",", [&service](std::string* out, const std::string& method) {
        absl::StrAppend(out, R"({"service":")", service.full_name(), R"(","method":")", method, R"("})");
      });
  return absl::Substitute(R"({"methodConfig":[{"name":[$0],"retryPolicy":{
        "maxAttempts":5,"initialBackoff":"0.02s","maxBackoff":"0.5s","backoffMultiplier":3,
        "retryableStatusCodes":["UNAVAILABLE","CANCELLED"]}}]})",
                          names);
}

}  // namespace banger::gateway
