#include "services/gateway/console/live_calls.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/call.h"

namespace banger::gateway {

absl::StatusOr<std::string> LiveCalls::Reserve(const std::shared_ptr<ConsoleSession>& session,
                                               bool terminal) {
  const MutexLock lock(mutex_);
  int calls = 0;
  int terminals = 0;
  for (const auto& [id, entry] : calls_) {
    if (entry.session != session) continue;
    ++calls;
    if (entry.terminal) ++terminals;
  }
  if (calls >= kMaxCalls) return absl::ResourceExhaustedError("too many calls at once; try again");
  if (terminal && terminals >= kMaxTerminals)
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", kMaxTerminals, " terminals open already; close one first"));
  const std::string id = rpc::NewRequestId();
  calls_[id] = {.session = session, .terminal = terminal, .call = nullptr};
  return id;
}

void LiveCalls::Set(const std::string& id, std::shared_ptr<BackendCall> call) {
  const MutexLock lock(mutex_);
  calls_[id].call = std::move(call);
}

void LiveCalls::Remove(const std::string& id) {
  const MutexLock lock(mutex_);
  calls_.erase(id);
}

std::shared_ptr<BackendCall> LiveCalls::Find(const std::string& id, const ConsoleSession& session) {
  const MutexLock lock(mutex_);
  const auto found = calls_.find(id);
  return found != calls_.end() && found->second.session.get() == &session ? found->second.call : nullptr;
}

std::size_t LiveCalls::size() {
  const MutexLock lock(mutex_);
  return calls_.size();
}

}  // namespace banger::gateway
