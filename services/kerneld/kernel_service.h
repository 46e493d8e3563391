#pragma once

#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "common/sync/worker_pool.h"
#include "services/kerneld/core/kernel_manager.h"

namespace banger::kerneld {

// The RPC edge of kerneld. Both arguments must outlive it.
class KernelService final : public kernel::v1::KernelService::CallbackService {
 public:
  KernelService(KernelManager& kernels, WorkerPool& workers) : kernels_(kernels), workers_(workers) {}

  grpc::ServerUnaryReactor* GetKernel(grpc::CallbackServerContext* context,
                                      const kernel::v1::GetKernelRequest* request,
                                      kernel::v1::GetKernelResponse* response) override;
  grpc::ServerUnaryReactor* ListKernels(grpc::CallbackServerContext* context,
                                        const kernel::v1::ListKernelsRequest* request,
                                        kernel::v1::ListKernelsResponse* response) override;
  grpc::ServerUnaryReactor* ListCatalogEntries(grpc::CallbackServerContext* context,
                                               const kernel::v1::ListCatalogEntriesRequest* request,
                                               kernel::v1::ListCatalogEntriesResponse* response) override;
  grpc::ServerWriteReactor<kernel::v1::PullKernelResponse>* PullKernel(
      grpc::CallbackServerContext* context, const kernel::v1::PullKernelRequest* request) override;
  grpc::ServerBidiReactor<kernel::v1::ImportKernelRequest, kernel::v1::ImportKernelResponse>* ImportKernel(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* DeleteKernel(grpc::CallbackServerContext* context,
                                         const kernel::v1::DeleteKernelRequest* request,
                                         kernel::v1::DeleteKernelResponse* response) override;
  grpc::ServerUnaryReactor* GetKernelFiles(grpc::CallbackServerContext* context,
                                           const kernel::v1::GetKernelFilesRequest* request,
                                           kernel::v1::GetKernelFilesResponse* response) override;

 private:
  KernelManager& kernels_;
  WorkerPool& workers_;
};

}  // namespace banger::kerneld
