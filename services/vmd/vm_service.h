#pragma once

#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "common/sync/worker_pool.h"
#include "services/vmd/adapters/guest_links.h"
#include "services/vmd/core/stats_keeper.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

// The API's edge: shapes and names, no decisions.
class VmServiceImpl final : public vm::v1::VmService::CallbackService {
 public:
  VmServiceImpl(WorkerPool& workers, VmManager& vms, VmFiles& files, GuestLinks& guests, StatsKeeper& stats)
      : workers_(workers), vms_(vms), files_(files), guests_(guests), stats_(stats) {}

  grpc::ServerWriteReactor<vm::v1::CreateVmResponse>* CreateVm(
      grpc::CallbackServerContext* context, const vm::v1::CreateVmRequest* request) override;
  grpc::ServerUnaryReactor* GetVm(grpc::CallbackServerContext* context, const vm::v1::GetVmRequest* request,
                                  vm::v1::GetVmResponse* response) override;
  grpc::ServerUnaryReactor* ListVms(grpc::CallbackServerContext* context,
                                    const vm::v1::ListVmsRequest* request,
                                    vm::v1::ListVmsResponse* response) override;
  grpc::ServerUnaryReactor* GetVmStats(grpc::CallbackServerContext* context,
                                       const vm::v1::GetVmStatsRequest* request,
                                       vm::v1::GetVmStatsResponse* response) override;
  grpc::ServerWriteReactor<vm::v1::WatchVmsResponse>* WatchVms(
      grpc::CallbackServerContext* context, const vm::v1::WatchVmsRequest* request) override;
  grpc::ServerUnaryReactor* UpdateVm(grpc::CallbackServerContext* context,
                                     const vm::v1::UpdateVmRequest* request,
                                     vm::v1::UpdateVmResponse* response) override;
  grpc::ServerUnaryReactor* PublishPort(grpc::CallbackServerContext* context,
                                        const vm::v1::PublishPortRequest* request,
                                        vm::v1::PublishPortResponse* response) override;
  grpc::ServerUnaryReactor* UnpublishPort(grpc::CallbackServerContext* context,
                                          const vm::v1::UnpublishPortRequest* request,
                                          vm::v1::UnpublishPortResponse* response) override;
  grpc::ServerWriteReactor<vm::v1::StartVmResponse>* StartVm(grpc::CallbackServerContext* context,
                                                             const vm::v1::StartVmRequest* request) override;
  grpc::ServerUnaryReactor* StopVm(grpc::CallbackServerContext* context, const vm::v1::StopVmRequest* request,
                                   vm::v1::StopVmResponse* response) override;
  grpc::ServerWriteReactor<vm::v1::RestartVmResponse>* RestartVm(
      grpc::CallbackServerContext* context, const vm::v1::RestartVmRequest* request) override;
  grpc::ServerUnaryReactor* PauseVm(grpc::CallbackServerContext* context,
                                    const vm::v1::PauseVmRequest* request,
                                    vm::v1::PauseVmResponse* response) override;
  grpc::ServerUnaryReactor* ResumeVm(grpc::CallbackServerContext* context,
                                     const vm::v1::ResumeVmRequest* request,
                                     vm::v1::ResumeVmResponse* response) override;
  grpc::ServerWriteReactor<vm::v1::CreateVmSnapshotResponse>* CreateVmSnapshot(
      grpc::CallbackServerContext* context, const vm::v1::CreateVmSnapshotRequest* request) override;
  grpc::ServerUnaryReactor* ListVmSnapshots(grpc::CallbackServerContext* context,
                                            const vm::v1::ListVmSnapshotsRequest* request,
                                            vm::v1::ListVmSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteVmSnapshot(grpc::CallbackServerContext* context,
                                             const vm::v1::DeleteVmSnapshotRequest* request,
                                             vm::v1::DeleteVmSnapshotResponse* response) override;
  grpc::ServerWriteReactor<vm::v1::RestoreVmResponse>* RestoreVm(
      grpc::CallbackServerContext* context, const vm::v1::RestoreVmRequest* request) override;
  grpc::ServerWriteReactor<vm::v1::CloneVmResponse>* CloneVm(grpc::CallbackServerContext* context,
                                                             const vm::v1::CloneVmRequest* request) override;
  grpc::ServerUnaryReactor* KillVm(grpc::CallbackServerContext* context, const vm::v1::KillVmRequest* request,
                                   vm::v1::KillVmResponse* response) override;
  grpc::ServerUnaryReactor* DeleteVm(grpc::CallbackServerContext* context,
                                     const vm::v1::DeleteVmRequest* request,
                                     vm::v1::DeleteVmResponse* response) override;
  grpc::ServerBidiReactor<vm::v1::ExecVmRequest, vm::v1::ExecVmResponse>* ExecVm(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetVmListeners(grpc::CallbackServerContext* context,
                                           const vm::v1::GetVmListenersRequest* request,
                                           vm::v1::GetVmListenersResponse* response) override;
  grpc::ServerWriteReactor<vm::v1::ReadVmTreeResponse>* ReadVmTree(
      grpc::CallbackServerContext* context, const vm::v1::ReadVmTreeRequest* request) override;
  grpc::ServerBidiReactor<vm::v1::WriteVmTreeRequest, vm::v1::WriteVmTreeResponse>* WriteVmTree(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<vm::v1::ReadVmLogResponse>* ReadVmLog(
      grpc::CallbackServerContext* context, const vm::v1::ReadVmLogRequest* request) override;

 private:
  WorkerPool& workers_;
  VmManager& vms_;
  VmFiles& files_;
  GuestLinks& guests_;
  StatsKeeper& stats_;
};

}  // namespace banger::vmd
