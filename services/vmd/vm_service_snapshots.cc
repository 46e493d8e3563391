// The calls of VmService that are about snapshots.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/rpc/server_call.h"
#include "common/status/status_macros.h"
#include "services/vmd/convert.h"
#include "services/vmd/errors.h"
#include "services/vmd/vm_replies.h"
#include "services/vmd/vm_service.h"

namespace banger::vmd {
namespace {

using namespace banger::vm::v1;
using grpc::CallbackServerContext;
using rpc::Call;
using rpc::Writer;

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;

absl::StatusOr<SnapshotReference> RequireSnapshot(const std::string& name) {
  BANGER_ASSIGN_OR_RETURN(SnapshotReference reference, ParseSnapshotName(name));
  if (reference.snapshot.empty()) return SnapshotNameInvalid("");
  return reference;
}

absl::Status Create(VmManager& vms, const CreateVmSnapshotRequest& request, const Call& call,
                    Writer<CreateVmSnapshotResponse>& out) {
  BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request.name()));
  BANGER_ASSIGN_OR_RETURN(const vmd::Snapshot made,
                          vms.CreateSnapshot(name, request.snapshot_id(), ReportTo(out), call.stop));
  CreateVmSnapshotResponse response;
  *response.mutable_snapshot() = ToProto(made);
  out.Send(std::move(response));
  return absl::OkStatus();
}

// The token is the last name of the page before.
absl::StatusOr<ListVmSnapshotsResponse> List(VmManager& vms, const ListVmSnapshotsRequest& request) {
  if (request.page_size() < 0) return FieldInvalid("page_size", "is negative");
  const int size = request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(request.name()));
  BANGER_ASSIGN_OR_RETURN(const std::vector<vmd::Snapshot> snapshots, vms.ListSnapshots(name));
  ListVmSnapshotsResponse response;
  for (const vmd::Snapshot& snapshot : snapshots) {
    if (snapshot.name <= request.page_token()) continue;
    if (response.snapshots_size() == size) {
      const std::string& last = response.snapshots(size - 1).name();
      response.set_next_page_token(last.substr(last.rfind('/') + 1));
      break;
    }
    *response.add_snapshots() = ToProto(snapshot);
  }
  return response;
}

}  // namespace

grpc::ServerWriteReactor<CreateVmSnapshotResponse>* VmServiceImpl::CreateVmSnapshot(
    CallbackServerContext* context, const CreateVmSnapshotRequest* request) {
  return rpc::ServerStream<CreateVmSnapshotResponse>(
      workers_, context, [this, request](const Call& call, Writer<CreateVmSnapshotResponse>& out) {
        return Create(vms_, *request, call, out);
      });
}

grpc::ServerUnaryReactor* VmServiceImpl::ListVmSnapshots(CallbackServerContext* context,
                                                         const ListVmSnapshotsRequest* request,
                                                         ListVmSnapshotsResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call&) { return List(vms_, *request); });
}

grpc::ServerUnaryReactor* VmServiceImpl::DeleteVmSnapshot(CallbackServerContext* context,
                                                          const DeleteVmSnapshotRequest* request,
                                                          DeleteVmSnapshotResponse* response) {
  return rpc::Unary(
      workers_, context, response,
      [this, request](const Call& call) -> absl::StatusOr<DeleteVmSnapshotResponse> {
        BANGER_ASSIGN_OR_RETURN(const auto reference, RequireSnapshot(request->name()));
        BANGER_RETURN_IF_ERROR(vms_.DeleteSnapshot(reference.vm, reference.snapshot, call.stop));
        return DeleteVmSnapshotResponse();
      });
}

grpc::ServerWriteReactor<RestoreVmResponse>* VmServiceImpl::RestoreVm(CallbackServerContext* context,
                                                                      const RestoreVmRequest* request) {
  return rpc::ServerStream<RestoreVmResponse>(
      workers_, context, [this, request](const Call& call, Writer<RestoreVmResponse>& out) -> absl::Status {
        BANGER_ASSIGN_OR_RETURN(const auto reference, RequireSnapshot(request->name()));
        return SendVm(vms_.Restore(reference.vm, reference.snapshot, ReportTo(out), call.stop), out);
      });
}

grpc::ServerWriteReactor<CloneVmResponse>* VmServiceImpl::CloneVm(CallbackServerContext* context,
                                                                  const CloneVmRequest* request) {
  return rpc::ServerStream<CloneVmResponse>(
      workers_, context, [this, request](const Call& call, Writer<CloneVmResponse>& out) -> absl::Status {
        BANGER_ASSIGN_OR_RETURN(const auto reference, ParseSnapshotName(request->name()));
        return SendVm(vms_.Clone(reference.vm, {.name = request->vm_id(), .snapshot = reference.snapshot},
                                 ReportTo(out), call.stop),
                      out);
      });
}

}  // namespace banger::vmd
