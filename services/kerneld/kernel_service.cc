#include "services/kerneld/kernel_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/archive/chunk_source.h"
#include "common/rpc/progress_report.h"
#include "common/rpc/server_call.h"
#include "common/status/status_macros.h"
#include "services/kerneld/convert.h"
#include "services/kerneld/core/kernel_name.h"
#include "services/kerneld/errors.h"
#include "services/kerneld/import_chunks.h"

namespace banger::kerneld {
namespace v1 = ::banger::kernel::v1;
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;

template <typename Message>
absl::Status SendResult(rpc::Writer<Message>& out, const Kernel& kernel) {
  Message message;
  *message.mutable_kernel() = ToProto(kernel);
  return out.Send(std::move(message)) ? absl::OkStatus() : absl::CancelledError("the caller has left");
}

// Calls `add` for each item of the wanted page, in the order of their ids; gives
// the token of the next page, which is the last id of this one.
template <typename Request, typename Item, typename IdOf, typename Add>
absl::StatusOr<std::string> FillPage(const Request& request, const std::vector<Item>& items, IdOf id_of,
                                     Add add) {
  if (request.page_size() < 0) return RequestInvalid("page_size", "is negative");
  if (!request.page_token().empty() && !IsValidKernelName(request.page_token()))
    return RequestInvalid("page_token", "is none of ours");
  const int wanted =
      request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  std::string last;
  int added = 0;
  for (const Item& item : items) {
    if (id_of(item) <= request.page_token()) continue;
    if (added++ == wanted) return last;
    add(item);
    last = id_of(item);
  }
  return std::string();
}

absl::StatusOr<v1::ListKernelsResponse> Page(const std::vector<Kernel>& kernels,
                                             const v1::ListKernelsRequest& request) {
  v1::ListKernelsResponse page;
  BANGER_ASSIGN_OR_RETURN(*page.mutable_next_page_token(),
                          FillPage(
                              request, kernels, [](const Kernel& kernel) { return kernel.id; },
                              [&page](const Kernel& kernel) { *page.add_kernels() = ToProto(kernel); }));
  return page;
}

absl::StatusOr<v1::ListCatalogEntriesResponse> Page(const AvailableKernels& available,
                                                    const v1::ListCatalogEntriesRequest& request) {
  v1::ListCatalogEntriesResponse page;
  BANGER_ASSIGN_OR_RETURN(
      *page.mutable_next_page_token(),
      FillPage(
          request, available.kernels, [](const AvailableKernel& kernel) { return kernel.entry.id; },
          [&page](const AvailableKernel& kernel) { *page.add_entries() = ToProto(kernel); }));
  if (request.page_token().empty())
    for (const std::string& warning : available.warnings) page.add_warnings(warning);
  return page;
}

}  // namespace

grpc::ServerUnaryReactor* KernelService::GetKernel(grpc::CallbackServerContext* context,
                                                   const v1::GetKernelRequest* request,
                                                   v1::GetKernelResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call&) -> absl::StatusOr<v1::GetKernelResponse> {
                      BANGER_ASSIGN_OR_RETURN(const Kernel kernel, kernels_.Get(KernelId(request->name())));
                      v1::GetKernelResponse found;
                      *found.mutable_kernel() = ToProto(kernel);
                      return found;
                    });
}

grpc::ServerUnaryReactor* KernelService::ListKernels(grpc::CallbackServerContext* context,
                                                     const v1::ListKernelsRequest* request,
                                                     v1::ListKernelsResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call&) -> absl::StatusOr<v1::ListKernelsResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::vector<Kernel> kernels, kernels_.List());
                      return Page(kernels, *request);
                    });
}

grpc::ServerUnaryReactor* KernelService::ListCatalogEntries(grpc::CallbackServerContext* context,
                                                            const v1::ListCatalogEntriesRequest* request,
                                                            v1::ListCatalogEntriesResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call& call) -> absl::StatusOr<v1::ListCatalogEntriesResponse> {
                      BANGER_ASSIGN_OR_RETURN(const AvailableKernels available,
                                              kernels_.Available(call.stop));
                      return Page(available, *request);
                    });
}

grpc::ServerWriteReactor<v1::PullKernelResponse>* KernelService::PullKernel(
    grpc::CallbackServerContext* context, const v1::PullKernelRequest* request) {
  return rpc::ServerStream<v1::PullKernelResponse>(
      workers_, context,
      [this, request](const rpc::Call& call, rpc::Writer<v1::PullKernelResponse>& out) -> absl::Status {
        BANGER_ASSIGN_OR_RETURN(
            const Kernel kernel,
            kernels_.Pull(KernelId(request->name()), request->force(), rpc::ReportTo(out), call.stop));
        return SendResult(out, kernel);
      });
}

grpc::ServerBidiReactor<v1::ImportKernelRequest, v1::ImportKernelResponse>* KernelService::ImportKernel(
    grpc::CallbackServerContext* context) {
  using Stream = rpc::Stream<v1::ImportKernelRequest, v1::ImportKernelResponse>;
  return rpc::BidiStream<v1::ImportKernelRequest, v1::ImportKernelResponse>(
      workers_, context, [this](const rpc::Call& call, Stream& stream) -> absl::Status {
        const std::optional<v1::ImportKernelRequest> first = stream.Read();
        if (!first.has_value() || !first->has_spec())
          return RequestInvalid("spec", "has to come before the bytes");
        BANGER_ASSIGN_OR_RETURN(const ImportSpec spec, FromProto(first->spec()));
        ChunkSource source(ImportChunks(stream, spec.total_bytes, call.stop));
        BANGER_ASSIGN_OR_RETURN(const Kernel kernel,
                                kernels_.Import(spec, source, rpc::ReportTo(stream), call.stop));
        return SendResult(stream, kernel);
      });
}

grpc::ServerUnaryReactor* KernelService::DeleteKernel(grpc::CallbackServerContext* context,
                                                      const v1::DeleteKernelRequest* request,
                                                      v1::DeleteKernelResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call& call) -> absl::StatusOr<v1::DeleteKernelResponse> {
                      BANGER_RETURN_IF_ERROR(kernels_.Delete(KernelId(request->name()), call.stop));
                      return v1::DeleteKernelResponse();
                    });
}

grpc::ServerUnaryReactor* KernelService::GetKernelFiles(grpc::CallbackServerContext* context,
                                                        const v1::GetKernelFilesRequest* request,
                                                        v1::GetKernelFilesResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call&) -> absl::StatusOr<v1::GetKernelFilesResponse> {
                      BANGER_ASSIGN_OR_RETURN(const KernelFiles files,
                                              kernels_.Files(KernelId(request->name())));
                      return ToProto(files);
                    });
}

}  // namespace banger::kerneld
