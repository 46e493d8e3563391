#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/output/progress.h"
#include "common/archive/byte_source.h"

namespace banger::cli {

// The tar that a guest sends. Its end is only one when the guest said so. Ends the
// call when it goes. The client is connected and outlives it.
class GuestTar final : public ByteSource {
 public:
  // `what` is for progress; empty shows none. `timeout` is for all of it.
  GuestTar(Client& client, const vm::v1::ReadVmTreeRequest& request, std::chrono::milliseconds timeout,
           const std::string& what);
  ~GuestTar() override;

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override;

  // The next chunk as it came; empty at the end. Not to be mixed with Read.
  absl::StatusOr<absl::string_view> ReadChunk();

  // Once the end was read.
  const tree::v1::Summary& summary() const { return summary_; }

 private:
  absl::Status Next();
  void Show();

  Client& client_;
  const std::unique_ptr<rpc::ClientCall> call_;
  vm::v1::VmService::Stub stub_;
  const std::unique_ptr<grpc::ClientReader<vm::v1::ReadVmTreeResponse>> reader_;
  const bool shows_;
  ProgressView view_;
  progress::v1::Progress progress_;
  std::chrono::steady_clock::time_point next_show_;
  vm::v1::ReadVmTreeResponse response_;
  std::size_t used_ = 0;  // of its chunk
  bool whole_ = false;
  bool finished_ = false;
  tree::v1::Summary summary_;
};

}  // namespace banger::cli
