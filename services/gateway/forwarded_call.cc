#include "services/gateway/forwarded_call.h"

#include <string>
#include <utility>

#include "common/rpc/error_mapping.h"
#include "services/gateway/audit.h"
#include "services/gateway/errors.h"

namespace banger::gateway {
namespace {

std::string Text(grpc::string_ref text) { return {text.data(), text.size()}; }

// What a client may not decide, and what gRPC sets itself.
bool PassesOn(grpc::string_ref key) {
  return key != "user-agent" && key != rpc::kRequestIdKey && !key.starts_with(rpc::kPeerPrefix);
}

}  // namespace

ForwardedCall::ForwardedCall(grpc::GenericCallbackServerContext* context, Caller caller, const Route& route,
                             Backend& backend, Operations& operations)
    : context_(*context),
      caller_(std::move(caller)),
      route_(route),
      backend_(backend),
      call_(rpc::MakeCall(*context, {})),
      operation_(operations, *route.policy, caller_),
      // Deadline and cancellation come along.
      upstream_context_(grpc::ClientContext::FromCallbackServerContext(*context)) {
  for (const auto& [key, value] : context->client_metadata())
    if (PassesOn(key)) upstream_context_->AddMetadata(Text(key), Text(value));
  upstream_context_->AddMetadata(rpc::kRequestIdKey, call_.request_id);

  if (route.traits.is_read || !backend.serving()) {
    waiting_ = backend.AddWaiter(this);
    if (!waiting_) {
      FinishAndLog(Outage());
      return;
    }
    upstream_context_->set_wait_for_ready(true);
  }
  upstream_context_->set_initial_metadata_corked(!route.traits.client_streams);
  backend.stub().PrepareBidiStreamingCall(upstream_context_.get(), context->method(), {}, &upstream_);
  upstream_.AddMultipleHolds(2);
  if (!route.traits.server_streams) upstream_.StartRead(&response_);
  upstream_.StartCall();
  StartRead(&request_);
}

void ForwardedCall::OnReadDone(bool ok) {
  {
    const MutexLock lock(mutex_);
    if (requests_ == Requests::kClosed) return;
    requests_ = ok ? Requests::kWriting : Requests::kClosed;
    if (ok && !std::exchange(first_request_came_, true)) NoteResource();
  }
  if (ok && route_.traits.client_streams) {
    upstream_.StartWrite(&request_);
  } else if (ok) {
    upstream_.StartWriteLast(&request_, {});
  } else {
    upstream_.StartWritesDone();
    upstream_.RemoveHold();
  }
}

void ForwardedCall::NoteResource() {
  const std::string field = route_.policy->resource;
  if (!field.empty()) resource_ = ResourceIn(request_, context_.method(), field);
  operation_.SetResource(resource_);
}

void ForwardedCall::RequestSent(bool ok) {
  bool more = false;
  {
    const MutexLock lock(mutex_);
    more = ok && route_.traits.client_streams && requests_ == Requests::kWriting;
    requests_ = more ? Requests::kReading : Requests::kClosed;
  }
  if (more) {
    StartRead(&request_);
  } else {
    upstream_.RemoveHold();
  }
}

// The daemon will not read any more. A read from the client may stay open; it
// ends with the call.
void ForwardedCall::CloseRequests() {
  {
    const MutexLock lock(mutex_);
    if (requests_ == Requests::kWriting) requests_ = Requests::kClosing;
    if (requests_ != Requests::kReading) return;
    requests_ = Requests::kClosed;
  }
  upstream_.RemoveHold();
}

// Also called, not ok, for a call that ended without any headers.
void ForwardedCall::HeadersReceived(bool ok) {
  if (ok) StopWaiting();
  has_headers_ = ok;
  if (!route_.traits.server_streams) return;
  if (ok) {
    PassOnHeaders();
    StartSendInitialMetadata();
  }
  upstream_.StartRead(&response_);
}

void ForwardedCall::PassOnHeaders() {
  for (const auto& [key, value] : upstream_context_->GetServerInitialMetadata())
    context_.AddInitialMetadata(Text(key), Text(value));
}

void ForwardedCall::ResponseReceived(bool ok) {
  if (ok && route_.traits.server_streams) {
    StartWrite(&response_);
  } else {
    has_response_ = ok;
    CloseRequests();
    upstream_.RemoveHold();
  }
}

void ForwardedCall::OnWriteDone(bool ok) {
  if (ok) {
    upstream_.StartRead(&response_);
  } else {
    upstream_context_->TryCancel();
    CloseRequests();
    upstream_.RemoveHold();
  }
}

void ForwardedCall::UpstreamDone(const grpc::Status& status) {
  StopWaiting();
  if (has_headers_ && !route_.traits.server_streams) PassOnHeaders();
  for (const auto& [key, value] : upstream_context_->GetServerTrailingMetadata())
    // The status carries the details already.
    if (key != "grpc-status-details-bin") context_.AddTrailingMetadata(Text(key), Text(value));
  FinishAndLog(OutageOr(status));
}

void ForwardedCall::GiveUp() {
  gave_up_ = true;
  upstream_context_->TryCancel();
}

void ForwardedCall::StopWaiting() {
  if (std::exchange(waiting_, false)) backend_.RemoveWaiter(this);
}

// A daemon's own errors have details (see ToGrpc), those of the connection have
// none. gRPC says CANCELLED for some connections that break.
grpc::Status ForwardedCall::OutageOr(const grpc::Status& status) const {
  const bool lost = status.error_details().empty() && !context_.IsCancelled() &&
                    (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                     status.error_code() == grpc::StatusCode::CANCELLED);
  return lost || gave_up_ ? Outage() : status;
}

grpc::Status ForwardedCall::Outage() const {
  return rpc::ToGrpc(DaemonUnavailable(backend_.daemon(), backend_.DescribeOutage()), call_.request_id);
}

// The last thing that is done here: OnDone may come before this returns.
void ForwardedCall::FinishAndLog(const grpc::Status& status) {
  rpc::EndCall(call_, status.error_code());
  {
    const MutexLock lock(mutex_);
    Audit(caller_, call_, context_.method(), resource_, status.error_code());
  }
  if (has_response_ && status.ok()) {
    StartWriteAndFinish(&response_, {}, status);
  } else {
    Finish(status);
  }
}

RefusedCall::RefusedCall(const grpc::GenericCallbackServerContext& context, const Caller& caller,
                         const absl::Status& why) {
  const rpc::Call call = rpc::MakeCall(context, {});
  const grpc::Status status = rpc::ToGrpc(why, call.request_id);
  rpc::EndCall(call, status.error_code());
  Audit(caller, call, context.method(), "", status.error_code());
  Finish(status);
}

}  // namespace banger::gateway
