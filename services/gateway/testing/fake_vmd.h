// A vmd that shows what reached it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "common/rpc/daemon_service.h"
#include "common/rpc/server.h"
#include "common/rpc/server_call.h"
#include "common/status/error.h"

namespace banger::gateway {

// Answers by the VM's name. Thread-safe; lives on while its servers come and go.
class FakeVmd final : public vm::v1::VmService::CallbackService {
 public:
  using Metadata = std::multimap<std::string, std::string>;

  static constexpr std::size_t kChunk = 64 << 10;

  // "vms/missing" is not there, "vms/hang" answers when the call is cancelled,
  // any other name is its own answer.
  grpc::ServerUnaryReactor* GetVm(grpc::CallbackServerContext* context, const vm::v1::GetVmRequest* request,
                                  vm::v1::GetVmResponse* response) override {
    Remember(*context);
    context->AddInitialMetadata("fake-head", "h");
    context->AddTrailingMetadata("fake-tail-bin", std::string("t\0\xff", 3));
    return rpc::Unary(workers_, context, response,
                      [this, request](const rpc::Call& call) -> absl::StatusOr<vm::v1::GetVmResponse> {
                        if (request->name() == "vms/missing")
                          return ApiError(absl::StatusCode::kNotFound, "VM_NOT_FOUND",
                                          "vm 'mïssing' not found", {{"vm", "missing"}});
                        if (request->name() == "vms/hang") return Hang(call);
                        vm::v1::GetVmResponse found;
                        found.mutable_vm()->set_name(request->name());
                        found.mutable_vm()->set_memory_mib(SecondsLeft(call));
                        return found;
                      });
  }

  // A page for each VM.
  grpc::ServerUnaryReactor* ListVms(grpc::CallbackServerContext* context,
                                    const vm::v1::ListVmsRequest* request,
                                    vm::v1::ListVmsResponse* response) override {
    return rpc::Unary(workers_, context, response,
                      [this, request](const rpc::Call&) -> absl::StatusOr<vm::v1::ListVmsResponse> {
                        const int at = static_cast<int>(request->page_token().size());
                        vm::v1::ListVmsResponse page;
                        if (at < vms.vms_size()) *page.add_vms() = vms.vms(at);
                        if (at + 1 < vms.vms_size())
                          page.set_next_page_token(std::string(static_cast<std::size_t>(at) + 1, 'x'));
                        return page;
                      });
  }
  vm::v1::ListVmsResponse vms;

  // Counts, then waits until the call is cancelled. Takes no worker, so that any number
  // of them may hang.
  grpc::ServerUnaryReactor* StopVm(grpc::CallbackServerContext*, const vm::v1::StopVmRequest*,
                                   vm::v1::StopVmResponse*) override {
    class Reactor final : public grpc::ServerUnaryReactor {
     public:
      explicit Reactor(std::atomic<int>& cancelled) : cancelled_(cancelled) {}

     private:
      void OnCancel() override {
        ++cancelled_;
        Finish({grpc::StatusCode::CANCELLED, "the caller left"});
      }
      void OnDone() override { delete this; }

      std::atomic<int>& cancelled_;
    };
    ++hung;
    if (on_hang) on_hang();
    return new Reactor(cancelled);
  }

  // "vms/refuse" ends at once, whatever the client still sends; "vms/hang" waits
  // for cancellation; else stdin comes back as stdout until half-close.
  grpc::ServerBidiReactor<vm::v1::ExecVmRequest, vm::v1::ExecVmResponse>* ExecVm(
      grpc::CallbackServerContext* context) override {
    using Stream = rpc::Stream<vm::v1::ExecVmRequest, vm::v1::ExecVmResponse>;
    return rpc::BidiStream<vm::v1::ExecVmRequest, vm::v1::ExecVmResponse>(
        workers_, context, [this](const rpc::Call& call, Stream& stream) -> absl::Status {
          const auto first = stream.Read();
          if (first.has_value() && first->name() == "vms/refuse")
            return ApiError(absl::StatusCode::kFailedPrecondition, "VM_NOT_RUNNING",
                            "vm 'refuse' is stopped");
          if (first.has_value() && first->name() == "vms/hang") return Hang(call).status();
          for (auto request = stream.Read(); request.has_value(); request = stream.Read()) {
            vm::v1::ExecVmResponse response;
            response.mutable_output()->set_stdout(request->input().stdin());
            if (!stream.Send(std::move(response))) break;
          }
          return absl::OkStatus();
        });
  }

  // `tail_lines` chunks of 64 KiB; endless when that is 0.
  grpc::ServerWriteReactor<vm::v1::ReadVmLogResponse>* ReadVmLog(
      grpc::CallbackServerContext* context, const vm::v1::ReadVmLogRequest* request) override {
    const int chunks = request->tail_lines();
    return rpc::ServerStream<vm::v1::ReadVmLogResponse>(
        workers_, context,
        [this, chunks](const rpc::Call&, rpc::Writer<vm::v1::ReadVmLogResponse>& out) -> absl::Status {
          vm::v1::ReadVmLogResponse response;
          response.set_data(std::string(kChunk, 'x'));
          for (int i = 0; chunks == 0 || i < chunks; ++i) {
            if (!out.Send(response)) return absl::CancelledError("the caller left");
            log_bytes_sent += kChunk;
          }
          return absl::OkStatus();
        });
  }

  // Of the last GetVm.
  Metadata received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }

  // Calls that hang, or have hung, and those that were cancelled.
  std::atomic<int> hung = 0;
  std::atomic<int> cancelled = 0;
  std::function<void()> on_hang;  // set before it serves
  std::atomic<std::size_t> log_bytes_sent = 0;

 private:
  absl::StatusOr<vm::v1::GetVmResponse> Hang(const rpc::Call& call) {
    ++hung;
    if (on_hang) on_hang();
    std::unique_lock lock(mutex_);
    std::condition_variable_any never;
    never.wait(lock, call.stop, [] { return false; });
    ++cancelled;
    return absl::CancelledError("the caller left");
  }

  void Remember(const grpc::CallbackServerContext& context) {
    const std::lock_guard lock(mutex_);
    received_.clear();
    for (const auto& [key, value] : context.client_metadata())
      received_.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  }

  static std::int64_t SecondsLeft(const rpc::Call& call) {
    return std::chrono::duration_cast<std::chrono::seconds>(call.deadline - std::chrono::system_clock::now())
        .count();
  }

  std::mutex mutex_;
  Metadata received_;
  WorkerPool workers_{16, 16};
};

// Serves it as a daemon does, until the result is destroyed.
inline absl::StatusOr<std::unique_ptr<rpc::Server>> ServeVmd(const std::filesystem::path& socket,
                                                             const std::vector<grpc::Service*>& services) {
  return rpc::Server::Start({.socket = socket, .configure = [services](grpc::ServerBuilder& builder) {
                               for (grpc::Service* service : services) builder.RegisterService(service);
                             }});
}

}  // namespace banger::gateway
