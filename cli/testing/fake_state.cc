#include "cli/testing/fake_state.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "common/rpc/call.h"
#include "common/rpc/error_mapping.h"

namespace banger::cli {

void FakeState::Fail(const std::string& method, const absl::Status& status) {
  const MutexLock lock(mutex_);
  errors_[method] = status;
}

grpc::Status FakeState::Enter(const std::string& method, const grpc::ServerContext& context) {
  const MutexLock lock(mutex_);
  ++calls_[method];
  const auto id = context.client_metadata().find(rpc::kRequestIdKey);
  if (id != context.client_metadata().end()) request_id_ = std::string(id->second.data(), id->second.size());
  const auto error = errors_.find(method);
  return error == errors_.end() ? grpc::Status::OK : rpc::ToGrpc(error->second, request_id_);
}

int FakeState::Calls(const std::string& method) const {
  const MutexLock lock(mutex_);
  const auto calls = calls_.find(method);
  return calls == calls_.end() ? 0 : calls->second;
}

std::string FakeState::LastRequestId() const {
  const MutexLock lock(mutex_);
  return request_id_;
}

void FakeState::Record(const std::string& event) {
  const MutexLock lock(mutex_);
  events_.push_back(event);
}

std::vector<std::string> FakeState::Events() const {
  const MutexLock lock(mutex_);
  return events_;
}

bool FakeState::WaitFor(const std::string& event, std::ptrdiff_t times) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    const std::vector<std::string> seen = Events();
    if (std::count(seen.begin(), seen.end(), event) >= times) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace banger::cli
