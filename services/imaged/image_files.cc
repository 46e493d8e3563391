// The part of the API about files of this host: registered, promoted, exported.
#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/progress_report.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/image_export.h"
#include "services/imaged/adapters/in_place_file.h"
#include "services/imaged/convert.h"
#include "services/imaged/errors.h"
#include "services/imaged/image_service.h"

namespace banger::imaged {
namespace v1 = ::banger::image::v1;
namespace {

absl::Status CallerLeft() { return absl::CancelledError("the caller has left"); }

// Collects what is sent into chunks of a size that is worth a message.
class ChunkWriter {
 public:
  explicit ChunkWriter(rpc::Writer<v1::ExportImageResponse>& out) : out_(out) {}

  absl::Status Write(absl::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t size = std::min(bytes.size(), kChunk - chunk_.size());
      chunk_.append(bytes.data(), size);
      bytes.remove_prefix(size);
      if (chunk_.size() == kChunk) BANGER_RETURN_IF_ERROR(Send());
    }
    return absl::OkStatus();
  }

  // The rest, and the empty chunk that says that it was all.
  absl::Status Finish() {
    if (!chunk_.empty()) BANGER_RETURN_IF_ERROR(Send());
    return Send();
  }

 private:
  static constexpr std::size_t kChunk = 512 << 10;

  absl::Status Send() {
    v1::ExportImageResponse response;
    response.set_chunk(std::exchange(chunk_, {}));
    return out_.Send(std::move(response)) ? absl::OkStatus() : CallerLeft();
  }

  rpc::Writer<v1::ExportImageResponse>& out_;
  std::string chunk_;
};

}  // namespace

grpc::ServerUnaryReactor* ImageService::RegisterImage(grpc::CallbackServerContext* context,
                                                      const v1::RegisterImageRequest* request,
                                                      v1::RegisterImageResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call& call) -> absl::StatusOr<v1::RegisterImageResponse> {
                      BANGER_ASSIGN_OR_RETURN(const ImportSpec spec, SpecOf(*request));
                      InPlaceBuilder builder(request->rootfs_path(),
                                             {config_.in_place_dirs.begin(), config_.in_place_dirs.end()});
                      BANGER_ASSIGN_OR_RETURN(const Image image, catalog_.Import(spec, builder, call.stop));
                      v1::RegisterImageResponse registered;
                      *registered.mutable_image() = ToProto(image);
                      return registered;
                    });
}

grpc::ServerWriteReactor<v1::PromoteImageResponse>* ImageService::PromoteImage(
    grpc::CallbackServerContext* context, const v1::PromoteImageRequest* request) {
  return rpc::ServerStream<v1::PromoteImageResponse>(
      workers_, context,
      [this, request](const rpc::Call& call, rpc::Writer<v1::PromoteImageResponse>& out) -> absl::Status {
        BANGER_ASSIGN_OR_RETURN(const std::string id, ImageIdOf(request->name()));
        BANGER_ASSIGN_OR_RETURN(Image image, catalog_.Get(id));
        if (image.in_place.has_value()) {
          InPlaceCopier copier(*image.in_place, rpc::ReportTo(out));
          BANGER_ASSIGN_OR_RETURN(image, catalog_.Promote(id, copier, call.stop));
        }
        v1::PromoteImageResponse done;
        *done.mutable_image() = ToProto(image);
        return out.Send(std::move(done)) ? absl::OkStatus() : CallerLeft();
      });
}

grpc::ServerWriteReactor<v1::ExportImageResponse>* ImageService::ExportImage(
    grpc::CallbackServerContext* context, const v1::ExportImageRequest* request) {
  return rpc::ServerStream<v1::ExportImageResponse>(
      workers_, context,
      [this, request](const rpc::Call& call, rpc::Writer<v1::ExportImageResponse>& out) -> absl::Status {
        BANGER_ASSIGN_OR_RETURN(const std::string id, ImageIdOf(request->name()));
        const bool bundle = request->format() == v1::ExportImageRequest::FORMAT_BUNDLE;
        if (!bundle && request->format() != v1::ExportImageRequest::FORMAT_OCI_ARCHIVE)
          return RequestInvalid("format", absl::StrCat(request->format(), " is no format of ours"));
        ChunkWriter chunks(out);
        const auto sink = [&chunks](absl::string_view bytes) { return chunks.Write(bytes); };
        BANGER_RETURN_IF_ERROR(
            catalog_.Export(id,
                            [&](const Image& image, const std::filesystem::path& rootfs,
                                const std::filesystem::path& scratch) -> absl::Status {
                              const ExportJob job{image, rootfs, scratch, rpc::ReportTo(out), call.stop};
                              return bundle ? ExportBundle(job, sink) : ExportOciArchive(job, sink);
                            }));
        return chunks.Finish();
      });
}

}  // namespace banger::imaged
