#pragma once

#include <utility>

#include "banger/image/v1/image_service.grpc.pb.h"
#include "common/config/config.h"
#include "common/rpc/server_call.h"
#include "common/sync/worker_pool.h"
#include "services/imaged/adapters/cache/blob_cache.h"
#include "services/imaged/core/catalog_entry.h"
#include "services/imaged/core/image_catalog.h"
#include "services/imaged/core/image_puller.h"

namespace banger::imaged {

// The API over the images and the catalogs of what can be pulled. Thread-safe.
class ImageService final : public image::v1::ImageService::CallbackService {
 public:
  struct Parts {
    ImageCatalog& catalog;
    ImagePuller& puller;
    ImageStore& store;
    CatalogSource& available;
    BlobCache& cache;
    ImagesConfig config;
  };
  // What the parts refer to must outlive it.
  ImageService(Parts parts, WorkerPool& workers)
      : catalog_(parts.catalog),
        puller_(parts.puller),
        store_(parts.store),
        available_(parts.available),
        cache_(parts.cache),
        config_(std::move(parts.config)),
        workers_(workers) {}

  grpc::ServerUnaryReactor* GetImage(grpc::CallbackServerContext* context,
                                     const image::v1::GetImageRequest* request,
                                     image::v1::GetImageResponse* response) override;
  grpc::ServerUnaryReactor* ListImages(grpc::CallbackServerContext* context,
                                       const image::v1::ListImagesRequest* request,
                                       image::v1::ListImagesResponse* response) override;
  grpc::ServerBidiReactor<image::v1::ImportImageRequest, image::v1::ImportImageResponse>* ImportImage(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<image::v1::PullImageResponse>* PullImage(
      grpc::CallbackServerContext* context, const image::v1::PullImageRequest* request) override;
  grpc::ServerUnaryReactor* ListCatalogImages(grpc::CallbackServerContext* context,
                                              const image::v1::ListCatalogImagesRequest* request,
                                              image::v1::ListCatalogImagesResponse* response) override;
  grpc::ServerUnaryReactor* RegisterImage(grpc::CallbackServerContext* context,
                                          const image::v1::RegisterImageRequest* request,
                                          image::v1::RegisterImageResponse* response) override;
  grpc::ServerWriteReactor<image::v1::PromoteImageResponse>* PromoteImage(
      grpc::CallbackServerContext* context, const image::v1::PromoteImageRequest* request) override;
  grpc::ServerWriteReactor<image::v1::ExportImageResponse>* ExportImage(
      grpc::CallbackServerContext* context, const image::v1::ExportImageRequest* request) override;
  grpc::ServerUnaryReactor* PruneImageCache(grpc::CallbackServerContext* context,
                                            const image::v1::PruneImageCacheRequest* request,
                                            image::v1::PruneImageCacheResponse* response) override;
  grpc::ServerUnaryReactor* DeleteImage(grpc::CallbackServerContext* context,
                                        const image::v1::DeleteImageRequest* request,
                                        image::v1::DeleteImageResponse* response) override;
  grpc::ServerUnaryReactor* AcquireImage(grpc::CallbackServerContext* context,
                                         const image::v1::AcquireImageRequest* request,
                                         image::v1::AcquireImageResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseImage(grpc::CallbackServerContext* context,
                                         const image::v1::ReleaseImageRequest* request,
                                         image::v1::ReleaseImageResponse* response) override;
  grpc::ServerUnaryReactor* ListImageLeases(grpc::CallbackServerContext* context,
                                            const image::v1::ListImageLeasesRequest* request,
                                            image::v1::ListImageLeasesResponse* response) override;

 private:
  ImageCatalog& catalog_;
  ImagePuller& puller_;
  ImageStore& store_;
  CatalogSource& available_;
  BlobCache& cache_;
  const ImagesConfig config_;
  WorkerPool& workers_;
};

}  // namespace banger::imaged
