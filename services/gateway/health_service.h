// grpc.health.v1 over all daemons: "" is the gateway itself, and each service is
// SERVING while the daemon behind it answers.
#pragma once

#include <map>
#include <set>
#include <string>

#include "common/sync/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace banger::gateway {

// Thread-safe; never blocks.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  void SetServing(const std::string& service, bool serving);

  // Everything is NOT_SERVING from now on, and watches end, so that they do not
  // delay the shutdown.
  void Shutdown();

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context, const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  class Watcher;
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  // SERVICE_UNKNOWN for a name that was never set.
  Status StatusOf(const std::string& service) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::map<std::string, Status> statuses_ ABSL_GUARDED_BY(mutex_);
  std::set<Watcher*> watchers_ ABSL_GUARDED_BY(mutex_);
  bool down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace banger::gateway
