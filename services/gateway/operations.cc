#include "services/gateway/operations.h"

#include <google/protobuf/util/time_util.h>

#include <utility>

namespace banger::gateway {

Operations::Running::Running(Operations& all, const MethodPolicy& method, const Caller& caller) : all_(all) {
  if (method.role <= Role::kViewer) return;
  system::v1::Operation operation;
  operation.set_method(method.path);
  operation.set_caller(caller.name);
  *operation.mutable_start_time() = google::protobuf::util::TimeUtil::GetCurrentTime();
  const MutexLock lock(all_.mutex_);
  id_ = ++all_.last_;
  all_.running_.emplace(id_, std::move(operation));
}

Operations::Running::~Running() {
  if (id_ == 0) return;
  const MutexLock lock(all_.mutex_);
  all_.running_.erase(id_);
}

void Operations::Running::SetResource(const std::string& resource) {
  if (id_ == 0) return;
  const MutexLock lock(all_.mutex_);
  all_.running_[id_].set_resource(resource);
}

system::v1::ListOperationsResponse Operations::List() const {
  system::v1::ListOperationsResponse response;
  const MutexLock lock(mutex_);
  for (const auto& [id, operation] : running_) *response.add_operations() = operation;
  return response;
}

}  // namespace banger::gateway
