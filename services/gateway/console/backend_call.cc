#include "services/gateway/console/backend_call.h"

#include <utility>

namespace banger::gateway {

std::shared_ptr<BackendCall> BackendCall::Start(const std::shared_ptr<grpc::Channel>& channel,
                                                const std::string& path, const grpc::ByteBuffer& first,
                                                bool more) {
  std::shared_ptr<BackendCall> call(new BackendCall);
  call->stub_ = std::make_unique<grpc::GenericStub>(channel);
  call->path_ = path;
  call->request_ = first;
  {
    const MutexLock lock(call->mutex_);
    call->self_ = call;
    call->writable_ = more;
  }
  call->stub_->PrepareBidiStreamingCall(&call->context_, call->path_, {}, call.get());
  call->AddHold();
  call->StartRead(&call->response_);
  if (more) {
    call->StartWrite(&call->request_);
  } else {
    call->StartWriteLast(&call->request_, {});
  }
  call->StartCall();
  return call;
}

BackendCall::Event BackendCall::Next(std::chrono::milliseconds patience, grpc::ByteBuffer& response) {
  MutexLock lock(mutex_);
  changed_.wait_for(lock, patience,
                    [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return has_response_ || done_; });
  if (has_response_) {
    has_response_ = false;
    response.Swap(&response_);
    StartRead(&response_);
    return Event::kMessage;
  }
  return done_ ? Event::kEnd : Event::kQuiet;
}

grpc::Status BackendCall::status() {
  const MutexLock lock(mutex_);
  return status_;
}

bool BackendCall::Send(const grpc::ByteBuffer& request) {
  const MutexLock lock(mutex_);
  if (!writable_ || !held_ || cancelled_ || queue_.size() >= kMaxQueued) return false;
  if (writing_) {
    queue_.push_back(request);
  } else {
    writing_ = true;
    request_ = request;
    StartWrite(&request_);
  }
  return true;
}

void BackendCall::Cancel() {
  const MutexLock lock(mutex_);
  if (std::exchange(cancelled_, true) || done_) return;
  context_.TryCancel();
  // Nobody takes the response that waits: read on, to the end.
  if (std::exchange(has_response_, false)) StartRead(&response_);
}

void BackendCall::OnReadDone(bool ok) {
  const MutexLock lock(mutex_);
  if (!ok) {
    held_ = false;
    RemoveHold();
  } else if (cancelled_) {
    StartRead(&response_);
  } else {
    has_response_ = true;
    changed_.notify_all();
  }
}

void BackendCall::OnWriteDone(bool ok) {
  const MutexLock lock(mutex_);
  writing_ = false;
  if (!ok) writable_ = false;
  if (!ok || queue_.empty()) return;
  request_ = std::move(queue_.front());
  queue_.pop_front();
  writing_ = true;
  StartWrite(&request_);
}

void BackendCall::OnDone(const grpc::Status& status) {
  std::shared_ptr<BackendCall> last;  // outlives the lock
  const MutexLock lock(mutex_);
  last.swap(self_);
  status_ = status;
  done_ = true;
  changed_.notify_all();
}

}  // namespace banger::gateway
