#include "cli/commands/image_send.h"

#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/upload/import_stream.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using image::v1::ImportImageRequest;
using image::v1::ImportImageResponse;

ImportImageRequest::Format ToProto(ImageFormat format) {
  switch (format) {
    case ImageFormat::kRootfsTar:
      return ImportImageRequest::FORMAT_ROOTFS_TAR;
    case ImageFormat::kOciLayout:
      return ImportImageRequest::FORMAT_OCI_LAYOUT;
    case ImageFormat::kDockerArchive:
      return ImportImageRequest::FORMAT_DOCKER_ARCHIVE;
    case ImageFormat::kBundle:
      return ImportImageRequest::FORMAT_BUNDLE;
    case ImageFormat::kExt4:
      return ImportImageRequest::FORMAT_EXT4;
  }
  return ImportImageRequest::FORMAT_UNSPECIFIED;
}

}  // namespace

absl::Status SendImage(Client& client, const ImageUpload& source, const ImportImageRequest::Spec& spec,
                       const std::string& what, image::v1::Image& image) {
  BANGER_RETURN_IF_ERROR(client.Connect());
  ImportImageRequest first;
  *first.mutable_spec() = spec;
  first.mutable_spec()->set_format(ToProto(source.format));
  first.mutable_spec()->set_source(source.upload.source());
  first.mutable_spec()->set_total_bytes(source.upload.total_bytes());
  image::v1::ImageService::Stub stub(client.channel());
  const auto call = client.NewCall(kLong);
  const auto stream = stub.ImportImage(call->context());
  ProgressView view(what);
  return StreamImport(
      client, *stream, *call, first,
      [&source](const Sink& sink, const Wake& wake) { return source.upload.Produce(sink, wake); }, view,
      [&image](const ImportImageResponse& response) { image = response.image(); });
}

}  // namespace banger::cli
