#include "cli/testing/fake_gateway.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/names.h"
#include "cli/testing/fake_guest.h"
#include "cli/testing/fake_tree.h"
#include "common/rpc/call.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

using grpc::ServerContext;
using grpc::Status;

#define RETURN_UNLESS_ENTERED(method) \
  if (const Status entered = state_.Enter(method, *context); !entered.ok()) return entered

// One page of `all` from where the token says.
template <typename Response, typename Field>
void FillPage(const std::string& token, int page_size, const Field& all, Field* page, Response* response) {
  int at = 0;
  if (!absl::SimpleAtoi(token, &at)) at = 0;
  for (int i = at; i < all.size() && i < at + page_size; ++i) *page->Add() = all[i];
  if (at + page_size < all.size()) response->set_next_page_token(absl::StrCat(at + page_size));
}

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

// VMs whose id starts with "ghost" do not exist; "slow" takes until cancelled.
class FakeVms final : public vm::v1::VmService::Service {
 public:
  explicit FakeVms(FakeState& state) : state_(state) {}

  Status CreateVm(ServerContext* context, const vm::v1::CreateVmRequest* request,
                  grpc::ServerWriter<vm::v1::CreateVmResponse>* writer) override {
    RETURN_UNLESS_ENTERED("CreateVm");
    if (!state_.missing_image.empty() &&
        (request->image().empty() || request->image() == state_.missing_image))
      return rpc::ToGrpc(ApiError(absl::StatusCode::kNotFound, "IMAGE_NOT_FOUND", "image not found",
                                  {{"image", IdOf(state_.missing_image)}}),
                         "r1");
    vm::v1::CreateVmResponse response;
    response.mutable_progress()->set_stage("boot");
    writer->Write(response);
    if (request->vm_id() == "slow") return WaitForCancel(context);
    response.mutable_progress()->set_warning(true);
    response.mutable_progress()->set_detail("netd is not running");
    writer->Write(response);
    vm::v1::Vm& vm = *response.mutable_vm();
    vm.set_name(VmName(request->vm_id().empty() ? "made-up" : request->vm_id()));
    vm.set_uid("0123456789ab");
    vm.set_state(request->no_start() ? vm::v1::Vm::STATE_CREATED : vm::v1::Vm::STATE_RUNNING);
    vm.set_memory_mib(request->memory_mib());
    writer->Write(response);
    state_.Record(absl::StrCat("created ", IdOf(vm.name()), " memory ", vm.memory_mib()));
    if (request->network_policy().ByteSizeLong() != 0)
      state_.Record(request->network_policy().ShortDebugString());
    for (const vm::v1::PublishedPort& port : request->published_ports())
      state_.Record(port.ShortDebugString());
    return Status::OK;
  }
  Status GetVm(ServerContext* context, const vm::v1::GetVmRequest* request,
               vm::v1::GetVmResponse* response) override {
    RETURN_UNLESS_ENTERED("GetVm");
    for (const auto& vm : state_.vms.vms())
      if (vm.name() == request->name() || ("vms/" + vm.uid()).starts_with(request->name()))
        *response->mutable_vm() = vm;
    return response->has_vm() ? Status::OK : NotFound(request->name());
  }
  Status ListVms(ServerContext* context, const vm::v1::ListVmsRequest* request,
                 vm::v1::ListVmsResponse* response) override {
    RETURN_UNLESS_ENTERED("ListVms");
    vm::v1::ListVmsResponse shown;
    for (const vm::v1::Vm& vm : state_.vms.vms())
      if (!request->only_up() || vm.state() == vm::v1::Vm::STATE_RUNNING) *shown.add_vms() = vm;
    FillPage(request->page_token(), state_.page_size, shown.vms(), response->mutable_vms(), response);
    return Status::OK;
  }
  Status StartVm(ServerContext* context, const vm::v1::StartVmRequest* request,
                 grpc::ServerWriter<vm::v1::StartVmResponse>* writer) override {
    RETURN_UNLESS_ENTERED("StartVm");
    if (IdOf(request->name()) == "slow") return WaitForCancel(context);
    vm::v1::StartVmResponse response;
    response.mutable_vm()->set_name(request->name());
    writer->Write(response);
    return Do("started", request->name());
  }
  Status StopVm(ServerContext* context, const vm::v1::StopVmRequest* request,
                vm::v1::StopVmResponse*) override {
    RETURN_UNLESS_ENTERED("StopVm");
    if (request->has_timeout()) state_.Record(absl::StrCat("timeout ", request->timeout().seconds()));
    return Do("stopped", request->name());
  }
  Status GetVmStats(ServerContext* context, const vm::v1::GetVmStatsRequest* request,
                    vm::v1::GetVmStatsResponse* response) override {
    RETURN_UNLESS_ENTERED("GetVmStats");
    for (const std::string& name : request->names()) state_.Record(absl::StrCat("stats of ", name));
    *response = state_.stats;
    return Status::OK;
  }
  Status WatchVms(ServerContext* context, const vm::v1::WatchVmsRequest* request,
                  grpc::ServerWriter<vm::v1::WatchVmsResponse>* writer) override {
    RETURN_UNLESS_ENTERED("WatchVms");
    state_.Record(absl::StrCat("watch from '", request->resume_token(), "'"));
    if (!request->resume_token().empty()) return WaitForCancel(context);
    for (const vm::v1::WatchVmsResponse& response : state_.watched) writer->Write(response);
    return Status(grpc::StatusCode::UNAVAILABLE, "lost");
  }
  Status UpdateVm(ServerContext* context, const vm::v1::UpdateVmRequest* request,
                  vm::v1::UpdateVmResponse*) override {
    RETURN_UNLESS_ENTERED("UpdateVm");
    state_.Record(request->ShortDebugString());
    return Do("set", request->name());
  }
  Status PublishPort(ServerContext* context, const vm::v1::PublishPortRequest* request,
                     vm::v1::PublishPortResponse*) override {
    RETURN_UNLESS_ENTERED("PublishPort");
    state_.Record(request->port().ShortDebugString());
    return Do("published", request->name());
  }
  Status UnpublishPort(ServerContext* context, const vm::v1::UnpublishPortRequest* request,
                       vm::v1::UnpublishPortResponse*) override {
    RETURN_UNLESS_ENTERED("UnpublishPort");
    state_.Record(request->port().ShortDebugString());
    return Do("unpublished", request->name());
  }
  Status RestartVm(ServerContext* context, const vm::v1::RestartVmRequest* request,
                   grpc::ServerWriter<vm::v1::RestartVmResponse>*) override {
    RETURN_UNLESS_ENTERED("RestartVm");
    return Do("restarted", request->name());
  }
  Status KillVm(ServerContext* context, const vm::v1::KillVmRequest* request,
                vm::v1::KillVmResponse*) override {
    RETURN_UNLESS_ENTERED("KillVm");
    return Do(absl::StrCat("signal ", request->signal(), " to"), request->name());
  }
  Status PauseVm(ServerContext* context, const vm::v1::PauseVmRequest* request,
                 vm::v1::PauseVmResponse*) override {
    RETURN_UNLESS_ENTERED("PauseVm");
    return Do("paused", request->name());
  }
  Status ResumeVm(ServerContext* context, const vm::v1::ResumeVmRequest* request,
                  vm::v1::ResumeVmResponse*) override {
    RETURN_UNLESS_ENTERED("ResumeVm");
    return Do("resumed", request->name());
  }
  Status DeleteVm(ServerContext* context, const vm::v1::DeleteVmRequest* request,
                  vm::v1::DeleteVmResponse*) override {
    RETURN_UNLESS_ENTERED("DeleteVm");
    return Do(request->force() ? "deleted by force" : "deleted", request->name());
  }
  Status GetVmListeners(ServerContext* context, const vm::v1::GetVmListenersRequest* request,
                        vm::v1::GetVmListenersResponse* response) override {
    RETURN_UNLESS_ENTERED("GetVmListeners");
    *response = state_.listeners;
    response->set_name(request->name());
    return Status::OK;
  }
  Status ReadVmTree(ServerContext* context, const vm::v1::ReadVmTreeRequest* request,
                    grpc::ServerWriter<vm::v1::ReadVmTreeResponse>* writer) override {
    RETURN_UNLESS_ENTERED("ReadVmTree");
    return ReadFakeTree(state_, *request, *writer);
  }
  Status WriteVmTree(
      ServerContext* context,
      grpc::ServerReaderWriter<vm::v1::WriteVmTreeResponse, vm::v1::WriteVmTreeRequest>* stream) override {
    RETURN_UNLESS_ENTERED("WriteVmTree");
    return WriteFakeTree(state_, *stream);
  }
  Status ExecVm(ServerContext* context,
                grpc::ServerReaderWriter<vm::v1::ExecVmResponse, vm::v1::ExecVmRequest>* stream) override {
    RETURN_UNLESS_ENTERED("ExecVm");
    return RunFakeGuest(state_, *stream);
  }
  Status ReadVmLog(ServerContext* context, const vm::v1::ReadVmLogRequest* request,
                   grpc::ServerWriter<vm::v1::ReadVmLogResponse>* writer) override {
    RETURN_UNLESS_ENTERED("ReadVmLog");
    vm::v1::ReadVmLogResponse response;
    response.set_data(absl::StrCat("tail ", request->tail_lines(), "\n"));
    writer->Write(response);
    return request->follow() ? WaitForCancel(context) : Status::OK;
  }

 private:
  static Status NotFound(const std::string& name) {
    return rpc::ToGrpc(ApiError(absl::StatusCode::kNotFound, "VM_NOT_FOUND",
                                absl::StrCat("vm '", IdOf(name), "' not found"), {{"vm", IdOf(name)}}),
                       "feedbeef");
  }
  Status Do(const std::string& what, const std::string& name) {
    if (IdOf(name).starts_with("ghost")) return NotFound(name);
    state_.Record(absl::StrCat(what, " ", IdOf(name)));
    return Status::OK;
  }
  Status WaitForCancel(ServerContext* context) {
    state_.Record("waiting");
    while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    state_.Record("cancelled");
    return Status::CANCELLED;
  }

  FakeState& state_;
};

class FakeSystem final : public system::v1::SystemService::Service {
 public:
  explicit FakeSystem(FakeState& state) : state_(state) {}
  Status ListDaemons(ServerContext* context, const system::v1::ListDaemonsRequest*,
                     system::v1::ListDaemonsResponse* response) override {
    RETURN_UNLESS_ENTERED("ListDaemons");
    *response = state_.daemons;
    return Status::OK;
  }
  Status GetNetwork(ServerContext* context, const system::v1::GetNetworkRequest*,
                    system::v1::GetNetworkResponse* response) override {
    RETURN_UNLESS_ENTERED("GetNetwork");
    *response = state_.network;
    return Status::OK;
  }

 private:
  FakeState& state_;
};

}  // namespace

void FakeState::Fail(const std::string& method, const absl::Status& status) {
  const MutexLock lock(mutex_);
  errors_[method] = status;
}

grpc::Status FakeState::Enter(const std::string& method, const ServerContext& context) {
  const MutexLock lock(mutex_);
  ++calls_[method];
  const auto id = context.client_metadata().find(rpc::kRequestIdKey);
  if (id != context.client_metadata().end()) request_id_ = std::string(id->second.data(), id->second.size());
  const auto error = errors_.find(method);
  return error == errors_.end() ? Status::OK : rpc::ToGrpc(error->second, request_id_);
}

int FakeState::Calls(const std::string& method) const {
  const MutexLock lock(mutex_);
  const auto calls = calls_.find(method);
  return calls == calls_.end() ? 0 : calls->second;
}

std::string FakeState::LastRequestId() const {
  const MutexLock lock(mutex_);
  return request_id_;
}

void FakeState::Record(const std::string& event) {
  const MutexLock lock(mutex_);
  events_.push_back(event);
}

std::vector<std::string> FakeState::Events() const {
  const MutexLock lock(mutex_);
  return events_;
}

bool FakeState::WaitFor(const std::string& event, std::ptrdiff_t times) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    const std::vector<std::string> seen = Events();
    if (std::count(seen.begin(), seen.end(), event) >= times) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

FakeGateway::FakeGateway(const std::filesystem::path& socket) {
  services_.push_back(std::make_unique<FakeKernels>(state));
  services_.push_back(std::make_unique<FakeImages>(state));
  services_.push_back(std::make_unique<FakeVms>(state));
  services_.push_back(std::make_unique<FakeSystem>(state));
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket.string(), grpc::InsecureServerCredentials());
  for (const auto& service : services_) builder.RegisterService(service.get());
  server_ = builder.BuildAndStart();
}

FakeGateway::~FakeGateway() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

}  // namespace banger::cli
