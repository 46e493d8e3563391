#include <chrono>
#include <thread>

#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/names.h"
#include "cli/testing/fake_guest.h"
#include "cli/testing/fake_services.h"
#include "cli/testing/fake_tree.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

using grpc::ServerContext;
using grpc::Status;

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
    for (vm::v1::Vm& vm : *state_.vms.mutable_vms()) {
      if (vm.name() != request->name()) continue;
      if (vm.state() != vm::v1::Vm::STATE_RUNNING) vm.mutable_start_time()->set_seconds(1'700'000'000);
      vm.set_state(vm::v1::Vm::STATE_RUNNING);
      *response.mutable_vm() = vm;
    }
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
    return Status(state_.watch_ends, "lost");
  }
  Status UpdateVm(ServerContext* context, const vm::v1::UpdateVmRequest* request,
                  vm::v1::UpdateVmResponse*) override {
    RETURN_UNLESS_ENTERED("UpdateVm");
    state_.Record(request->ShortDebugString());
    for (vm::v1::Vm& vm : *state_.vms.mutable_vms())
      if (vm.name() == request->name() && request->has_workspace()) vm.set_workspace(request->workspace());
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
  Status CreateVmSnapshot(ServerContext* context, const vm::v1::CreateVmSnapshotRequest* request,
                          grpc::ServerWriter<vm::v1::CreateVmSnapshotResponse>* writer) override {
    RETURN_UNLESS_ENTERED("CreateVmSnapshot");
    vm::v1::CreateVmSnapshotResponse response;
    response.mutable_progress()->set_stage("seal");
    writer->Write(response);
    const std::string id = request->snapshot_id().empty() ? "made-up" : request->snapshot_id();
    response.mutable_snapshot()->set_name(absl::StrCat(request->name(), "/snapshots/", id));
    writer->Write(response);
    return Do("kept", request->name());
  }
  Status ListVmSnapshots(ServerContext* context, const vm::v1::ListVmSnapshotsRequest* request,
                         vm::v1::ListVmSnapshotsResponse* response) override {
    RETURN_UNLESS_ENTERED("ListVmSnapshots");
    FillPage(request->page_token(), state_.page_size, state_.snapshots.snapshots(),
             response->mutable_snapshots(), response);
    return Do("listed", request->name());
  }
  Status DeleteVmSnapshot(ServerContext* context, const vm::v1::DeleteVmSnapshotRequest* request,
                          vm::v1::DeleteVmSnapshotResponse*) override {
    RETURN_UNLESS_ENTERED("DeleteVmSnapshot");
    return Do("deleted", request->name());
  }
  Status RestoreVm(ServerContext* context, const vm::v1::RestoreVmRequest* request,
                   grpc::ServerWriter<vm::v1::RestoreVmResponse>* writer) override {
    RETURN_UNLESS_ENTERED("RestoreVm");
    vm::v1::RestoreVmResponse response;
    response.mutable_vm()->set_name(request->name().substr(0, request->name().find("/snapshots/")));
    writer->Write(response);
    return Do("restored", request->name());
  }
  Status CloneVm(ServerContext* context, const vm::v1::CloneVmRequest* request,
                 grpc::ServerWriter<vm::v1::CloneVmResponse>* writer) override {
    RETURN_UNLESS_ENTERED("CloneVm");
    vm::v1::CloneVmResponse response;
    response.mutable_vm()->set_name(VmName(request->vm_id().empty() ? "made-up" : request->vm_id()));
    writer->Write(response);
    return Do("cloned", request->name());
  }
  Status DeleteVm(ServerContext* context, const vm::v1::DeleteVmRequest* request,
                  vm::v1::DeleteVmResponse*) override {
    RETURN_UNLESS_ENTERED("DeleteVm");
    return Do(request->force() ? "deleted by force" : "deleted", request->name());
  }
  Status GetVmListeners(ServerContext* context, const vm::v1::GetVmListenersRequest* request,
                        vm::v1::GetVmListenersResponse* response) override {
    RETURN_UNLESS_ENTERED("GetVmListeners");
    if (IdOf(request->name()).starts_with("ghost")) return NotFound(request->name());
    *response = state_.listeners;
    response->set_name(request->name());
    return Status::OK;
  }
  Status ReadVmTree(ServerContext* context, const vm::v1::ReadVmTreeRequest* request,
                    grpc::ServerWriter<vm::v1::ReadVmTreeResponse>* writer) override {
    RETURN_UNLESS_ENTERED("ReadVmTree");
    if (context->deadline() == std::chrono::system_clock::time_point::max())
      state_.Record("read without a deadline");
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

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeVms(FakeState& state) { return std::make_unique<FakeVms>(state); }

}  // namespace banger::cli
