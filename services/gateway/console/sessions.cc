#include "services/gateway/console/sessions.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "common/digest/sha256.h"

namespace banger::gateway {
namespace {

std::string NewSecret() {
  std::array<char, 32> bytes{};
  while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
  }
  return absl::WebSafeBase64Escape(absl::string_view(bytes.data(), bytes.size()));
}

template <typename Map, typename Time>
typename Map::iterator Oldest(Map& map, Time time) {
  return std::min_element(map.begin(), map.end(),
                          [time](const auto& a, const auto& b) { return a.second.*time < b.second.*time; });
}

}  // namespace

std::string ConsoleSessions::NewLogin(const ConsoleUser& user) {
  const std::string secret = NewSecret();
  const MutexLock lock(mutex_);
  Expire();
  if (logins_.size() >= kMaxLogins) logins_.erase(Oldest(logins_, &Login::made));
  logins_[Sha256Hex(secret)] = {.user = user, .made = now_()};
  return secret;
}

std::optional<ConsoleSessions::Opened> ConsoleSessions::Redeem(const std::string& login) {
  const MutexLock lock(mutex_);
  Expire();
  const auto found = logins_.find(Sha256Hex(login));
  if (found == logins_.end()) return std::nullopt;
  Opened opened{.user = found->second.user, .cookie = NewSecret(), .proof = NewSecret()};
  logins_.erase(found);
  if (sessions_.size() >= kMaxSessions) {
    const auto oldest = Oldest(sessions_, &Entry::used);
    oldest->second.session->ended.request_stop();
    sessions_.erase(oldest);
  }
  auto session = std::make_shared<ConsoleSession>();
  session->user = opened.user;
  sessions_[Sha256Hex(opened.cookie)] = {.session = std::move(session),
                                         .proof_digest = Sha256Hex(opened.proof),
                                         .opened = now_(),
                                         .used = now_()};
  return opened;
}

std::shared_ptr<ConsoleSession> ConsoleSessions::Find(const std::string& cookie, const std::string& proof) {
  const MutexLock lock(mutex_);
  Expire();
  const auto found = sessions_.find(Sha256Hex(cookie));
  if (found == sessions_.end() || found->second.proof_digest != Sha256Hex(proof)) return nullptr;
  found->second.used = now_();
  return found->second.session;
}

void ConsoleSessions::End(const std::string& cookie) {
  const MutexLock lock(mutex_);
  const auto found = sessions_.find(Sha256Hex(cookie));
  if (found == sessions_.end()) return;
  found->second.session->ended.request_stop();
  sessions_.erase(found);
}

void ConsoleSessions::EndExpired() {
  const MutexLock lock(mutex_);
  Expire();
}

void ConsoleSessions::EndAll() {
  const MutexLock lock(mutex_);
  for (auto& [cookie, entry] : sessions_) entry.session->ended.request_stop();
  sessions_.clear();
  logins_.clear();
}

void ConsoleSessions::Expire() {
  const Time now = now_();
  std::erase_if(logins_, [now](const auto& login) { return login.second.made + kLoginLife <= now; });
  std::erase_if(sessions_, [now](const auto& session) {
    const Entry& entry = session.second;
    if (entry.used + kIdleLife > now && entry.opened + kLife > now) return false;
    entry.session->ended.request_stop();
    return true;
  });
}

}  // namespace banger::gateway
