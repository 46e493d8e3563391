#include "banger/image/v1/image_service.grpc.pb.h"
#include "cli/testing/fake_services.h"

namespace banger::cli {
namespace {

using grpc::ServerContext;
using grpc::Status;

class FakeImages final : public image::v1::ImageService::Service {
 public:
  explicit FakeImages(FakeState& state) : state_(state) {}

  Status GetImage(ServerContext* context, const image::v1::GetImageRequest*,
                  image::v1::GetImageResponse* response) override {
    RETURN_UNLESS_ENTERED("GetImage");
    *response->mutable_image() = state_.images.images(0);
    return Status::OK;
  }
  Status ListImages(ServerContext* context, const image::v1::ListImagesRequest* request,
                    image::v1::ListImagesResponse* response) override {
    RETURN_UNLESS_ENTERED("ListImages");
    FillPage(request->page_token(), state_.page_size, state_.images.images(), response->mutable_images(),
             response);
    return Status::OK;
  }
  Status ImportImage(ServerContext* context,
                     grpc::ServerReaderWriter<image::v1::ImportImageResponse, image::v1::ImportImageRequest>*
                         stream) override {
    image::v1::ImportImageRequest request;
    stream->Read(&request);
    state_.image_spec = request.spec();
    state_.Record("import begun");
    RETURN_UNLESS_ENTERED("ImportImage");
    state_.received.clear();
    while (stream->Read(&request)) state_.received += request.chunk();
    if (context->IsCancelled()) state_.Record("import cancelled");
    image::v1::ImportImageResponse response;
    response.mutable_progress()->set_stage("unpack");
    stream->Write(response);
    response.mutable_image()->set_name(state_.image_spec.name());
    stream->Write(response);
    return Status::OK;
  }
  Status PullImage(ServerContext* context, const image::v1::PullImageRequest* request,
                   grpc::ServerWriter<image::v1::PullImageResponse>* writer) override {
    RETURN_UNLESS_ENTERED("PullImage");
    state_.pull = *request;
    image::v1::PullImageResponse response;
    response.mutable_progress()->set_stage("resolve");
    response.mutable_progress()->set_detail(request->reference());
    writer->Write(response);
    response.mutable_image()->set_name(request->name().empty() ? "images/made-up" : request->name());
    if (response.image().name() == state_.missing_image) state_.missing_image.clear();
    writer->Write(response);
    return Status::OK;
  }
  Status ListCatalogImages(ServerContext* context, const image::v1::ListCatalogImagesRequest* request,
                           image::v1::ListCatalogImagesResponse* response) override {
    RETURN_UNLESS_ENTERED("ListCatalogImages");
    FillPage(request->page_token(), state_.page_size, state_.image_catalog.images(),
             response->mutable_images(), response);
    if (request->page_token().empty()) *response->mutable_warnings() = state_.image_catalog.warnings();
    return Status::OK;
  }
  Status RegisterImage(ServerContext* context, const image::v1::RegisterImageRequest* request,
                       image::v1::RegisterImageResponse* response) override {
    RETURN_UNLESS_ENTERED("RegisterImage");
    state_.Record(absl::StrCat("registered ", request->name(), " at ", request->rootfs_path(), " with '",
                               request->kernel(), "'"));
    response->mutable_image()->set_name(request->name());
    return Status::OK;
  }
  Status PromoteImage(ServerContext* context, const image::v1::PromoteImageRequest* request,
                      grpc::ServerWriter<image::v1::PromoteImageResponse>* writer) override {
    RETURN_UNLESS_ENTERED("PromoteImage");
    image::v1::PromoteImageResponse response;
    response.mutable_progress()->set_stage("copy");
    writer->Write(response);
    response.mutable_image()->set_name(request->name());
    writer->Write(response);
    return Status::OK;
  }
  Status ExportImage(ServerContext* context, const image::v1::ExportImageRequest* request,
                     grpc::ServerWriter<image::v1::ExportImageResponse>* writer) override {
    state_.Record(absl::StrCat("export ", request->name(), " as ", request->format()));
    image::v1::ExportImageResponse response;
    for (const std::string& chunk : state_.exported) {
      response.set_chunk(chunk);
      writer->Write(response);
    }
    RETURN_UNLESS_ENTERED("ExportImage");
    return Status::OK;
  }
  Status DeleteImage(ServerContext* context, const image::v1::DeleteImageRequest* request,
                     image::v1::DeleteImageResponse*) override {
    RETURN_UNLESS_ENTERED("DeleteImage");
    state_.Record(absl::StrCat("deleted ", request->name()));
    return Status::OK;
  }
  Status PruneImageCache(ServerContext* context, const image::v1::PruneImageCacheRequest* request,
                         image::v1::PruneImageCacheResponse* response) override {
    RETURN_UNLESS_ENTERED("PruneImageCache");
    state_.Record(request->dry_run() ? "would prune" : "pruned");
    response->set_freed_bytes(3 << 20);
    response->set_removed_blobs(2);
    response->set_kept_bytes(request->dry_run() ? 1 << 20 : 0);
    return Status::OK;
  }

 private:
  FakeState& state_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeImages(FakeState& state) {
  return std::make_unique<FakeImages>(state);
}

}  // namespace banger::cli
