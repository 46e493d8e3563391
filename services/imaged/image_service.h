#pragma once

#include "banger/image/v1/image_service.grpc.pb.h"
#include "common/rpc/server_call.h"
#include "common/sync/worker_pool.h"
#include "services/imaged/core/image_catalog.h"
#include "services/imaged/core/image_puller.h"

namespace banger::imaged {

// The API over the catalog. Thread-safe.
class ImageService final : public image::v1::ImageService::CallbackService {
 public:
  ImageService(ImageCatalog& catalog, ImagePuller& puller, WorkerPool& workers)
      : catalog_(catalog), puller_(puller), workers_(workers) {}

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
  WorkerPool& workers_;
};

}  // namespace banger::imaged
