#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "services/gateway/console/backend_call.h"
#include "services/gateway/console/sessions.h"

namespace banger::gateway {

// The calls of all sessions that are under way. Thread-safe.
class LiveCalls {
 public:
  // Of one session. Of a browser's six connections to a host, terminals hold one each.
  static constexpr int kMaxCalls = 12;
  static constexpr int kMaxTerminals = 3;

  // Room for a call, by its new id; until Remove. RESOURCE_EXHAUSTED when the session
  // has its share.
  absl::StatusOr<std::string> Reserve(const std::shared_ptr<ConsoleSession>& session, bool terminal);
  void Set(const std::string& id, std::shared_ptr<BackendCall> call);
  void Remove(const std::string& id);

  // Null unless it is a call of this session.
  std::shared_ptr<BackendCall> Find(const std::string& id, const ConsoleSession& session);

  std::size_t size();

 private:
  struct Entry {
    std::shared_ptr<ConsoleSession> session;
    bool terminal = false;
    std::shared_ptr<BackendCall> call;
  };

  Mutex mutex_;
  std::map<std::string, Entry> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::gateway
