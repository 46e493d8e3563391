#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "common/sync/mutex.h"
#include "services/gateway/core/role.h"

namespace banger::gateway {

// Whoever asked for a login, as the gateway knows that caller.
struct ConsoleUser {
  std::string name;
  Role role = Role::kNone;
};

// One browser that is logged in.
struct ConsoleSession {
  ConsoleUser user;
  // Stopped at the session's end: all that it has under way ends, too.
  std::stop_source ended;
};

// Logins and sessions of the web console, in memory only: a restart ends them all.
// Secrets are kept as digests. Thread-safe.
class ConsoleSessions {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  static constexpr std::chrono::minutes kLoginLife{2};
  static constexpr std::chrono::hours kIdleLife{1};
  static constexpr std::chrono::hours kLife{12};
  // Of more the oldest goes.
  static constexpr std::size_t kMaxLogins = 32;
  static constexpr std::size_t kMaxSessions = 16;

  explicit ConsoleSessions(Clock now = std::chrono::steady_clock::now) : now_(std::move(now)) {}
  ~ConsoleSessions() { EndAll(); }

  // A secret that Redeem takes once.
  std::string NewLogin(const ConsoleUser& user);

  // A browser shows both with each request: the cookie, which pages do not see, but
  // which programs at other ports of this host may be sent; and the proof, which only
  // the page has.
  struct Opened {
    ConsoleUser user;
    std::string cookie;
    std::string proof;
  };
  std::optional<Opened> Redeem(const std::string& login);

  // Null unless both belong to one session that goes on. Puts its idle end off.
  std::shared_ptr<ConsoleSession> Find(const std::string& cookie, const std::string& proof);

  void End(const std::string& cookie);
  // Ends what has lasted too long; Find and NewLogin do that, too.
  void EndExpired();
  void EndAll();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Login {
    ConsoleUser user;
    Time made;
  };
  struct Entry {
    std::shared_ptr<ConsoleSession> session;
    std::string proof_digest;
    Time opened;
    Time used;
  };

  void Expire() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock now_;
  Mutex mutex_;
  // By digest of the secret, so that no comparison's time tells anything of it.
  std::map<std::string, Login> logins_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Entry> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::gateway
