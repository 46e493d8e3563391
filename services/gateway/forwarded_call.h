// One call on its way from a client to a daemon and back.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "common/rpc/call.h"
#include "common/sync/mutex.h"
#include "services/gateway/adapters/backend.h"
#include "services/gateway/caller.h"
#include "services/gateway/core/route_table.h"
#include "services/gateway/operations.h"

namespace banger::gateway {

// Passes on metadata, messages, half-close, deadline, cancellation and status
// as they are; at most one message of each direction is in memory. A direction that
// has one message only is passed on as a whole, with all that comes before and after
// it: each step of its own is a wake-up of both ends. Deletes itself.
//
// Both ends are reactors. The daemon's end has two holds, one a direction, each
// given back by whoever ends that direction; so its OnDone, which finishes the
// client's end, comes after everything else.
class ForwardedCall final : public grpc::ServerGenericBidiReactor, public Backend::Waiter {
 public:
  // Of a read the channel may send the call again when the daemon went away.
  ForwardedCall(grpc::GenericCallbackServerContext* context, Caller caller, const Route& route,
                Backend& backend, Operations& operations);

 private:
  class Upstream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    explicit Upstream(ForwardedCall& call) : call_(call) {}

   private:
    void OnReadInitialMetadataDone(bool ok) override { call_.HeadersReceived(ok); }
    void OnReadDone(bool ok) override { call_.ResponseReceived(ok); }
    void OnWriteDone(bool ok) override { call_.RequestSent(ok); }
    void OnDone(const grpc::Status& status) override { call_.UpstreamDone(status); }

    ForwardedCall& call_;
  };

  // Of the direction to the daemon.
  enum class Requests { kReading, kWriting, kClosing, kClosed };

  // The client's end.
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

  // The daemon's end.
  void HeadersReceived(bool ok);
  void ResponseReceived(bool ok);
  void RequestSent(bool ok);
  void UpstreamDone(const grpc::Status& status);

  void GiveUp() override;
  void PassOnHeaders();
  void NoteResource() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseRequests();
  void StopWaiting();
  grpc::Status Outage() const;
  grpc::Status OutageOr(const grpc::Status& status) const;
  void FinishAndLog(const grpc::Status& status);

  grpc::GenericCallbackServerContext& context_;
  const Caller caller_;
  const Route& route_;
  Backend& backend_;
  const rpc::Call call_;
  Operations::Running operation_;
  std::unique_ptr<grpc::ClientContext> upstream_context_;
  Upstream upstream_{*this};
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  bool waiting_ = false;
  // Without server_streams, what is kept until the end.
  bool has_headers_ = false;
  bool has_response_ = false;
  std::atomic<bool> gave_up_ = false;

  Mutex mutex_;
  Requests requests_ ABSL_GUARDED_BY(mutex_) = Requests::kReading;
  bool first_request_came_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the first request, for the audit log.
  std::string resource_ ABSL_GUARDED_BY(mutex_);
};

// A call that ends before it began.
class RefusedCall final : public grpc::ServerGenericBidiReactor {
 public:
  RefusedCall(const grpc::GenericCallbackServerContext& context, const Caller& caller,
              const absl::Status& why);

 private:
  void OnDone() override { delete this; }
};

}  // namespace banger::gateway
