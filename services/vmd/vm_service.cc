#include "services/vmd/vm_service.h"

#include <string>
#include <utility>

#include "common/rpc/server_call.h"
#include "common/status/status_macros.h"
#include "services/vmd/convert.h"
#include "services/vmd/errors.h"
#include "services/vmd/exec_forwarder.h"
#include "services/vmd/listeners.h"
#include "services/vmd/log_streamer.h"
#include "services/vmd/stats_view.h"
#include "services/vmd/tree_forwarder.h"
#include "services/vmd/vm_replies.h"
#include "services/vmd/vm_watcher.h"

namespace banger::vmd {
namespace {

using namespace banger::vm::v1;
using grpc::CallbackServerContext;
using rpc::Call;
using rpc::Writer;

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;

absl::StatusOr<ListVmsResponse> List(VmManager& vms, const ListVmsRequest& request) {
  if (request.page_size() < 0) return FieldInvalid("page_size", "is negative");
  const int wanted =
      request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  const auto limit = static_cast<std::size_t>(wanted);
  // One more than asked for tells whether there is another page.
  BANGER_ASSIGN_OR_RETURN(std::vector<VmView> views, vms.List(request.page_token(), limit + 1,
                                                              request.only_up() ? Which::kUp : Which::kAll));
  ListVmsResponse response;
  if (views.size() > limit) {
    views.pop_back();
    response.set_next_page_token(PageKey(views.back().vm));
  }
  for (const VmView& view : views) *response.add_vms() = ToProto(view);
  return response;
}

}  // namespace

grpc::ServerWriteReactor<CreateVmResponse>* VmServiceImpl::CreateVm(CallbackServerContext* context,
                                                                    const CreateVmRequest* request) {
  return rpc::ServerStream<CreateVmResponse>(
      workers_, context, [this, request](const Call& call, Writer<CreateVmResponse>& out) -> absl::Status {
        BANGER_ASSIGN_OR_RETURN(const auto create, FromProto(*request));
        return SendVm(vms_.Create(create, ReportTo(out), call.stop), out);
      });
}

grpc::ServerUnaryReactor* VmServiceImpl::GetVm(CallbackServerContext* context, const GetVmRequest* request,
                                               GetVmResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call&) -> absl::StatusOr<GetVmResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
                      return WithVm<GetVmResponse>(vms_.Get(name));
                    });
}

grpc::ServerUnaryReactor* VmServiceImpl::ListVms(CallbackServerContext* context,
                                                 const ListVmsRequest* request, ListVmsResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call&) { return List(vms_, *request); });
}

grpc::ServerUnaryReactor* VmServiceImpl::GetVmStats(CallbackServerContext* context,
                                                    const GetVmStatsRequest* request,
                                                    GetVmStatsResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call&) { return ListStats(stats_, *request); });
}

grpc::ServerWriteReactor<WatchVmsResponse>* VmServiceImpl::WatchVms(CallbackServerContext* context,
                                                                    const WatchVmsRequest* request) {
  return rpc::ServerStream<WatchVmsResponse>(
      workers_, context, [this, request](const Call& call, Writer<WatchVmsResponse>& out) {
        return StreamVms(vms_, *request, call, out);
      });
}

grpc::ServerUnaryReactor* VmServiceImpl::UpdateVm(CallbackServerContext* context,
                                                  const UpdateVmRequest* request,
                                                  UpdateVmResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<UpdateVmResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
                      BANGER_ASSIGN_OR_RETURN(const auto change, FromProto(*request));
                      return WithVm<UpdateVmResponse>(vms_.Update(name, change, call.stop));
                    });
}

grpc::ServerUnaryReactor* VmServiceImpl::PublishPort(CallbackServerContext* context,
                                                     const PublishPortRequest* request,
                                                     PublishPortResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<PublishPortResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
                      BANGER_ASSIGN_OR_RETURN(const auto port, FromProto(request->port()));
                      return WithVm<PublishPortResponse>(vms_.PublishPort(name, port, call.stop));
                    });
}

grpc::ServerUnaryReactor* VmServiceImpl::UnpublishPort(CallbackServerContext* context,
                                                       const UnpublishPortRequest* request,
                                                       UnpublishPortResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<UnpublishPortResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
                      BANGER_ASSIGN_OR_RETURN(const auto port, FromProto(request->port()));
                      return WithVm<UnpublishPortResponse>(vms_.UnpublishPort(name, port, call.stop));
                    });
}

grpc::ServerWriteReactor<StartVmResponse>* VmServiceImpl::StartVm(CallbackServerContext* context,
                                                                  const StartVmRequest* request) {
  return rpc::ServerStream<StartVmResponse>(
      workers_, context, [this, request](const Call& call, Writer<StartVmResponse>& out) -> absl::Status {
        BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
        return SendVm(vms_.Start(name, ReportTo(out), call.stop), out);
      });
}

grpc::ServerUnaryReactor* VmServiceImpl::StopVm(CallbackServerContext* context, const StopVmRequest* request,
                                                StopVmResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<StopVmResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
                      BANGER_ASSIGN_OR_RETURN(const auto timeout,
                                              ParseStopTimeout(request->has_timeout(), request->timeout()));
                      return WithVm<StopVmResponse>(vms_.Stop(name, timeout, call.stop));
                    });
}

grpc::ServerWriteReactor<RestartVmResponse>* VmServiceImpl::RestartVm(CallbackServerContext* context,
                                                                      const RestartVmRequest* request) {
  return rpc::ServerStream<RestartVmResponse>(
      workers_, context, [this, request](const Call& call, Writer<RestartVmResponse>& out) -> absl::Status {
        BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
        BANGER_ASSIGN_OR_RETURN(const auto timeout,
                                ParseStopTimeout(request->has_timeout(), request->timeout()));
        return SendVm(vms_.Restart(name, timeout, ReportTo(out), call.stop), out);
      });
}

grpc::ServerUnaryReactor* VmServiceImpl::PauseVm(CallbackServerContext* context,
                                                 const PauseVmRequest* request, PauseVmResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<PauseVmResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
                      return WithVm<PauseVmResponse>(vms_.Pause(name, call.stop));
                    });
}

grpc::ServerUnaryReactor* VmServiceImpl::ResumeVm(CallbackServerContext* context,
                                                  const ResumeVmRequest* request,
                                                  ResumeVmResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<ResumeVmResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
                      return WithVm<ResumeVmResponse>(vms_.Resume(name, call.stop));
                    });
}

grpc::ServerUnaryReactor* VmServiceImpl::KillVm(CallbackServerContext* context, const KillVmRequest* request,
                                                KillVmResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call&) -> absl::StatusOr<KillVmResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
                      return WithVm<KillVmResponse>(vms_.Kill(name, request->signal()));
                    });
}

grpc::ServerUnaryReactor* VmServiceImpl::DeleteVm(CallbackServerContext* context,
                                                  const DeleteVmRequest* request,
                                                  DeleteVmResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<DeleteVmResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request->name()));
                      BANGER_RETURN_IF_ERROR(vms_.Delete(name, request->force(), call.stop));
                      return DeleteVmResponse();
                    });
}

grpc::ServerBidiReactor<ExecVmRequest, ExecVmResponse>* VmServiceImpl::ExecVm(
    CallbackServerContext* context) {
  return rpc::BidiStream<ExecVmRequest, ExecVmResponse>(
      workers_, context,
      [this](const Call& call, ExecStream& caller) { return ForwardExec(vms_, guests_, call, caller); });
}

grpc::ServerUnaryReactor* VmServiceImpl::GetVmListeners(CallbackServerContext* context,
                                                        const GetVmListenersRequest* request,
                                                        GetVmListenersResponse* response) {
  return rpc::Unary(workers_, context, response, [this, request](const Call& call) {
    return FindListeners(vms_, guests_, call, *request);
  });
}

grpc::ServerWriteReactor<ReadVmTreeResponse>* VmServiceImpl::ReadVmTree(CallbackServerContext* context,
                                                                        const ReadVmTreeRequest* request) {
  return rpc::ServerStream<ReadVmTreeResponse>(workers_, context,
                                               [this, request](const Call& call, ReadTreeWriter& out) {
                                                 return ForwardReadTree(vms_, guests_, call, *request, out);
                                               });
}

grpc::ServerBidiReactor<WriteVmTreeRequest, WriteVmTreeResponse>* VmServiceImpl::WriteVmTree(
    CallbackServerContext* context) {
  return rpc::BidiStream<WriteVmTreeRequest, WriteVmTreeResponse>(
      workers_, context, [this](const Call& call, WriteTreeStream& stream) {
        return ForwardWriteTree(vms_, guests_, call, stream);
      });
}

grpc::ServerWriteReactor<ReadVmLogResponse>* VmServiceImpl::ReadVmLog(CallbackServerContext* context,
                                                                      const ReadVmLogRequest* request) {
  return rpc::ServerStream<ReadVmLogResponse>(
      workers_, context, [this, request](const Call& call, Writer<ReadVmLogResponse>& out) {
        return StreamLog(vms_, files_, *request, call, out);
      });
}

}  // namespace banger::vmd
