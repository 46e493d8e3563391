#pragma once

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "banger/image/v1/image_service.pb.h"
#include "banger/kernel/v1/kernel_service.pb.h"
#include "banger/system/v1/system_service.pb.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "common/sync/mutex.h"

namespace banger::cli {

// What tests set in a fake gateway, and what they look at afterwards.
class FakeState {
 public:
  // The method ("GetKernel") answers that error from now on.
  void Fail(const std::string& method, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  grpc::Status Enter(const std::string& method, const grpc::ServerContext& context)
      ABSL_LOCKS_EXCLUDED(mutex_);
  int Calls(const std::string& method) const ABSL_LOCKS_EXCLUDED(mutex_);
  std::string LastRequestId() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Things that happened in order, such as "deleted web", "signal 2".
  void Record(const std::string& event) ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::string> Events() const ABSL_LOCKS_EXCLUDED(mutex_);
  // False when it has not happened that often within 20 seconds.
  bool WaitFor(const std::string& event, std::ptrdiff_t times = 1) const;

  vm::v1::ListVmsResponse vms;
  vm::v1::ListVmSnapshotsResponse snapshots;
  kernel::v1::ListKernelsResponse kernels;
  kernel::v1::ListCatalogEntriesResponse catalog;
  image::v1::ListImagesResponse images;
  image::v1::ListCatalogImagesResponse image_catalog;
  system::v1::ListDaemonsResponse daemons;
  system::v1::GetNetworkResponse network;
  system::v1::ListOperationsResponse operations;
  int page_size = 1000;
  kernel::v1::ImportKernelRequest::Spec kernel_spec;
  image::v1::ImportImageRequest::Spec image_spec;
  image::v1::PullImageRequest pull;  // the last one
  vm::v1::GetVmStatsResponse stats;
  std::vector<vm::v1::WatchVmsResponse> watched;  // then the first call is lost, and later ones wait
  grpc::StatusCode watch_ends = grpc::StatusCode::UNAVAILABLE;  // when it is lost
  std::string missing_image;                                    // "images/x", until it is pulled
  exec::v1::Command command;
  std::string received;               // by the last import
  std::vector<std::string> exported;  // the chunks of an export
  vm::v1::GetVmListenersResponse listeners;
  std::filesystem::path guest_root;  // a directory that stands for a guest's files
  std::string hostile_tar;           // what the guest sends in place of them
  bool no_summary = false;           // the guest's tar has no end
  int guest_warnings = 1;            // of a copy out of it
  tree::v1::Target target;           // of the last copy into the guest
  bool guest_has_git = true;
  int tools_exit_code = 0;

 private:
  mutable Mutex mutex_;
  std::map<std::string, absl::Status> errors_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> calls_ ABSL_GUARDED_BY(mutex_);
  std::string request_id_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::cli
