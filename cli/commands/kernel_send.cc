#include "cli/commands/kernel_send.h"

#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "cli/upload/import_stream.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using kernel::v1::ImportKernelRequest;
using kernel::v1::ImportKernelResponse;

ImportKernelRequest::Format ToProto(KernelFormat format) {
  switch (format) {
    case KernelFormat::kDeb:
      return ImportKernelRequest::FORMAT_DEB;
    case KernelFormat::kBundle:
      return ImportKernelRequest::FORMAT_BUNDLE;
    case KernelFormat::kTree:
      return ImportKernelRequest::FORMAT_TREE;
    case KernelFormat::kImage:
      return ImportKernelRequest::FORMAT_IMAGE;
  }
  return ImportKernelRequest::FORMAT_UNSPECIFIED;
}

}  // namespace

absl::Status SendKernel(Client& client, const KernelUpload& source, const ImportKernelRequest::Spec& spec,
                        const std::string& what, kernel::v1::Kernel& kernel) {
  BANGER_RETURN_IF_ERROR(client.Connect());
  ImportKernelRequest first;
  *first.mutable_spec() = spec;
  first.mutable_spec()->set_format(ToProto(source.format));
  first.mutable_spec()->set_source(source.upload.source());
  first.mutable_spec()->set_total_bytes(source.upload.total_bytes());
  kernel::v1::KernelService::Stub stub(client.channel());
  const auto call = client.NewCall(kLong);
  const auto stream = stub.ImportKernel(call->context());
  ProgressView view(what);
  return StreamImport(
      client, *stream, *call, first,
      [&source](const Sink& sink, const Wake& wake) { return source.upload.Produce(sink, wake); }, view,
      [&kernel](const ImportKernelResponse& response) { kernel = response.kernel(); });
}

}  // namespace banger::cli
