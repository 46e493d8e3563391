#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "cli/testing/fake_services.h"

namespace banger::cli {
namespace {

using grpc::ServerContext;
using grpc::Status;

class FakeKernels final : public kernel::v1::KernelService::Service {
 public:
  explicit FakeKernels(FakeState& state) : state_(state) {}

  Status GetKernel(ServerContext* context, const kernel::v1::GetKernelRequest* request,
                   kernel::v1::GetKernelResponse* response) override {
    RETURN_UNLESS_ENTERED("GetKernel");
    for (const auto& kernel : state_.kernels.kernels())
      if (kernel.name() == request->name()) *response->mutable_kernel() = kernel;
    return Status::OK;
  }
  Status ListKernels(ServerContext* context, const kernel::v1::ListKernelsRequest* request,
                     kernel::v1::ListKernelsResponse* response) override {
    RETURN_UNLESS_ENTERED("ListKernels");
    FillPage(request->page_token(), state_.page_size, state_.kernels.kernels(), response->mutable_kernels(),
             response);
    return Status::OK;
  }
  Status ListCatalogEntries(ServerContext* context, const kernel::v1::ListCatalogEntriesRequest* request,
                            kernel::v1::ListCatalogEntriesResponse* response) override {
    RETURN_UNLESS_ENTERED("ListCatalogEntries");
    FillPage(request->page_token(), state_.page_size, state_.catalog.entries(), response->mutable_entries(),
             response);
    if (request->page_token().empty()) *response->mutable_warnings() = state_.catalog.warnings();
    return Status::OK;
  }
  Status PullKernel(ServerContext* context, const kernel::v1::PullKernelRequest* request,
                    grpc::ServerWriter<kernel::v1::PullKernelResponse>* writer) override {
    RETURN_UNLESS_ENTERED("PullKernel");
    kernel::v1::PullKernelResponse response;
    for (const char* stage : {"download", "download", "unpack"}) {
      response.mutable_progress()->set_stage(stage);
      writer->Write(response);
    }
    response.mutable_kernel()->set_name(request->name());
    writer->Write(response);
    state_.Record(absl::StrCat("pulled ", request->name(), request->force() ? " with force" : ""));
    return Status::OK;
  }
  Status ImportKernel(ServerContext* context,
                      grpc::ServerReaderWriter<kernel::v1::ImportKernelResponse,
                                               kernel::v1::ImportKernelRequest>* stream) override {
    kernel::v1::ImportKernelRequest request;
    stream->Read(&request);
    state_.kernel_spec = request.spec();
    RETURN_UNLESS_ENTERED("ImportKernel");
    state_.received.clear();
    while (stream->Read(&request)) state_.received += request.chunk();
    if (context->IsCancelled()) state_.Record("import cancelled");
    kernel::v1::ImportKernelResponse response;
    response.mutable_kernel()->set_name(state_.kernel_spec.name());
    stream->Write(response);
    return Status::OK;
  }
  Status DeleteKernel(ServerContext* context, const kernel::v1::DeleteKernelRequest* request,
                      kernel::v1::DeleteKernelResponse*) override {
    RETURN_UNLESS_ENTERED("DeleteKernel");
    state_.Record(absl::StrCat("deleted ", request->name()));
    return Status::OK;
  }

 private:
  FakeState& state_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeKernels(FakeState& state) {
  return std::make_unique<FakeKernels>(state);
}

}  // namespace banger::cli
