#include "services/gateway/health_service.h"

#include <optional>
#include <utility>

namespace banger::gateway {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// Sends the newest status; those that a slow reader missed are skipped.
// Its state belongs to the service's mutex.
class HealthService::Watcher final : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  Watcher(HealthService& owner, std::string service) : owner_(owner), service_(std::move(service)) {}

  const std::string& service() const { return service_; }

  void Show(Status status) {
    newest_ = status;
    Advance();
  }
  void End(const grpc::Status& why) {
    if (!end_.has_value()) end_ = why;
    Advance();
  }

 private:
  void Advance() {
    if (busy_) return;
    if (newest_ != shown_) {
      shown_ = newest_;
      response_.set_status(*newest_);
      busy_ = true;
      StartWrite(&response_);
    } else if (end_.has_value()) {
      busy_ = true;  // for good
      Finish(*end_);
    }
  }

  void OnWriteDone(bool ok) override {
    const MutexLock lock(owner_.mutex_);
    busy_ = false;
    if (!ok) newest_ = shown_;
    if (ok) return Advance();
    End(grpc::Status::CANCELLED);
  }
  void OnCancel() override {
    const MutexLock lock(owner_.mutex_);
    End(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    {
      const MutexLock lock(owner_.mutex_);
      owner_.watchers_.erase(this);
    }
    delete this;
  }

  HealthService& owner_;
  const std::string service_;
  HealthCheckResponse response_;
  std::optional<Status> newest_;
  std::optional<Status> shown_;
  std::optional<grpc::Status> end_;
  bool busy_ = false;
};

void HealthService::SetServing(const std::string& service, bool serving) {
  const MutexLock lock(mutex_);
  if (down_) return;
  statuses_[service] = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  for (Watcher* watcher : watchers_)
    if (watcher->service() == service) watcher->Show(statuses_[service]);
}

void HealthService::Shutdown() {
  const MutexLock lock(mutex_);
  down_ = true;
  for (auto& [service, status] : statuses_) status = HealthCheckResponse::NOT_SERVING;
  for (Watcher* watcher : watchers_) {
    watcher->Show(StatusOf(watcher->service()));
    watcher->End({grpc::StatusCode::UNAVAILABLE, "the gateway shuts down"});
  }
}

HealthService::Status HealthService::StatusOf(const std::string& service) const {
  const auto found = statuses_.find(service);
  return found == statuses_.end() ? HealthCheckResponse::SERVICE_UNKNOWN : found->second;
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const MutexLock lock(mutex_);
  const Status status = StatusOf(request->service());
  response->set_status(status);
  if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
    reactor->Finish({grpc::StatusCode::NOT_FOUND, "service '" + request->service() + "' is unknown"});
  } else {
    reactor->Finish(grpc::Status::OK);
  }
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(grpc::CallbackServerContext*,
                                                                    const HealthCheckRequest* request) {
  auto* watcher = new Watcher(*this, request->service());
  const MutexLock lock(mutex_);
  watchers_.insert(watcher);
  watcher->Show(StatusOf(request->service()));
  if (down_) watcher->End({grpc::StatusCode::UNAVAILABLE, "the gateway shuts down"});
  return watcher;
}

}  // namespace banger::gateway
