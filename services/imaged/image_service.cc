#include "services/imaged/image_service.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/archive/chunk_source.h"
#include "common/rpc/progress_report.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/bundle_builder.h"
#include "services/imaged/adapters/docker_archive.h"
#include "services/imaged/adapters/oci_layout_builder.h"
#include "services/imaged/adapters/rootfs_tar_builder.h"
#include "services/imaged/convert.h"
#include "services/imaged/errors.h"
#include "services/imaged/import_chunks.h"

namespace banger::imaged {
namespace v1 = ::banger::image::v1;

grpc::ServerUnaryReactor* ImageService::GetImage(grpc::CallbackServerContext* context,
                                                 const v1::GetImageRequest* request,
                                                 v1::GetImageResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call&) -> absl::StatusOr<v1::GetImageResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string id, ImageIdOf(request->name()));
                      BANGER_ASSIGN_OR_RETURN(const Image image, catalog_.Get(id));
                      v1::GetImageResponse found;
                      *found.mutable_image() = ToProto(image);
                      return found;
                    });
}

grpc::ServerUnaryReactor* ImageService::ListImages(grpc::CallbackServerContext* context,
                                                   const v1::ListImagesRequest* request,
                                                   v1::ListImagesResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call&) -> absl::StatusOr<v1::ListImagesResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string after, IdBefore(request->page_token()));
                      BANGER_ASSIGN_OR_RETURN(const std::size_t limit, PageSizeOf(request->page_size()));
                      BANGER_ASSIGN_OR_RETURN(const ImagePage page, catalog_.List(after, limit));
                      v1::ListImagesResponse found;
                      for (const Image& image : page.images) *found.add_images() = ToProto(image);
                      found.set_next_page_token(TokenAfter(page.next_after));
                      return found;
                    });
}

namespace {

absl::StatusOr<std::unique_ptr<RootfsBuilder>> MakeBuilder(const v1::ImportImageRequest::Spec& spec,
                                                           const std::string& arch, ByteSource& bytes) {
  switch (spec.format()) {
    case v1::ImportImageRequest::FORMAT_ROOTFS_TAR:
      return std::make_unique<RootfsTarBuilder>(bytes);
    case v1::ImportImageRequest::FORMAT_OCI_LAYOUT:
      return std::make_unique<OciLayoutBuilder>(bytes, spec.reference(), arch);
    case v1::ImportImageRequest::FORMAT_DOCKER_ARCHIVE:
      return std::make_unique<DockerArchiveBuilder>(bytes, spec.reference(), arch);
    case v1::ImportImageRequest::FORMAT_BUNDLE:
      return std::make_unique<BundleBuilder>(bytes);
    case v1::ImportImageRequest::FORMAT_EXT4:
      return std::make_unique<Ext4Builder>(bytes);
    default:
      return RequestInvalid("format", absl::StrCat(spec.format(), " is no format of ours"));
  }
}

absl::StatusOr<Image> Import(ImageCatalog& catalog, const v1::ImportImageRequest::Spec& spec,
                             ByteSource& bytes, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const ImportSpec import, SpecOf(spec));
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<RootfsBuilder> builder,
                          MakeBuilder(spec, catalog.arch(), bytes));
  return catalog.Import(import, *builder, stop);
}

}  // namespace

grpc::ServerBidiReactor<v1::ImportImageRequest, v1::ImportImageResponse>* ImageService::ImportImage(
    grpc::CallbackServerContext* context) {
  return rpc::BidiStream<v1::ImportImageRequest, v1::ImportImageResponse>(
      workers_, context, [this](const rpc::Call& call, ImportChunks::Call& stream) -> absl::Status {
        const std::optional<v1::ImportImageRequest> first = stream.Read();
        if (!first || !first->has_spec()) return RequestInvalid("spec", "must be the first part");
        ChunkSource bytes(ImportChunks(stream, call.stop, first->spec().total_bytes()));
        BANGER_ASSIGN_OR_RETURN(const Image image, Import(catalog_, first->spec(), bytes, call.stop));
        v1::ImportImageResponse done;
        *done.mutable_image() = ToProto(image);
        stream.Send(std::move(done));
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<v1::PullImageResponse>* ImageService::PullImage(
    grpc::CallbackServerContext* context, const v1::PullImageRequest* request) {
  return rpc::ServerStream<v1::PullImageResponse>(
      workers_, context,
      [this, request](const rpc::Call& call, rpc::Writer<v1::PullImageResponse>& out) -> absl::Status {
        BANGER_ASSIGN_OR_RETURN(const PullSpec spec, SpecOf(*request));
        BANGER_ASSIGN_OR_RETURN(const Image image, puller_.Pull(spec, rpc::ReportTo(out), call.stop));
        v1::PullImageResponse done;
        *done.mutable_image() = ToProto(image);
        return out.Send(std::move(done)) ? absl::OkStatus() : absl::CancelledError("the caller has left");
      });
}

grpc::ServerUnaryReactor* ImageService::PruneImageCache(grpc::CallbackServerContext* context,
                                                        const v1::PruneImageCacheRequest* request,
                                                        v1::PruneImageCacheResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call&) -> absl::StatusOr<v1::PruneImageCacheResponse> {
                      BANGER_ASSIGN_OR_RETURN(const BlobCache::Pruned pruned,
                                              cache_.Prune(request->dry_run()));
                      v1::PruneImageCacheResponse done;
                      done.set_freed_bytes(pruned.removed.bytes);
                      done.set_removed_blobs(pruned.removed.blobs);
                      done.set_kept_bytes(pruned.kept.bytes);
                      return done;
                    });
}

grpc::ServerUnaryReactor* ImageService::DeleteImage(grpc::CallbackServerContext* context,
                                                    const v1::DeleteImageRequest* request,
                                                    v1::DeleteImageResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call& call) -> absl::StatusOr<v1::DeleteImageResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string id, ImageIdOf(request->name()));
                      BANGER_RETURN_IF_ERROR(catalog_.Delete(id, call.stop));
                      return v1::DeleteImageResponse();
                    });
}

grpc::ServerUnaryReactor* ImageService::AcquireImage(grpc::CallbackServerContext* context,
                                                     const v1::AcquireImageRequest* request,
                                                     v1::AcquireImageResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call& call) -> absl::StatusOr<v1::AcquireImageResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string id, ImageIdOf(request->name()));
                      BANGER_ASSIGN_OR_RETURN(const BootFiles files,
                                              catalog_.Acquire(id, request->lease(), call.stop));
                      v1::AcquireImageResponse acquired;
                      *acquired.mutable_image() = ToProto(files.image);
                      acquired.set_rootfs_path(files.rootfs.string());
                      acquired.set_vmlinux_path(files.vmlinux.string());
                      acquired.set_initrd_path(files.initrd.string());
                      return acquired;
                    });
}

grpc::ServerUnaryReactor* ImageService::ReleaseImage(grpc::CallbackServerContext* context,
                                                     const v1::ReleaseImageRequest* request,
                                                     v1::ReleaseImageResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call& call) -> absl::StatusOr<v1::ReleaseImageResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string id, ImageIdOf(request->name()));
                      BANGER_RETURN_IF_ERROR(catalog_.Release(id, request->lease(), call.stop));
                      return v1::ReleaseImageResponse();
                    });
}

grpc::ServerUnaryReactor* ImageService::ListImageLeases(grpc::CallbackServerContext* context,
                                                        const v1::ListImageLeasesRequest*,
                                                        v1::ListImageLeasesResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this](const rpc::Call&) -> absl::StatusOr<v1::ListImageLeasesResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::vector<Lease> leases, catalog_.Leases());
                      v1::ListImageLeasesResponse found;
                      for (const Lease& lease : leases) {
                        v1::ImageLease* const entry = found.add_leases();
                        entry->set_image(absl::StrCat("images/", lease.image));
                        entry->set_lease(lease.lease);
                      }
                      return found;
                    });
}

}  // namespace banger::imaged
