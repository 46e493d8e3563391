#include "services/netd/dns/forwarder.h"

#include <utility>

#include "services/netd/dns/reply.h"

namespace banger::netd::dns {
namespace {

// RFC 8914.
constexpr int kBlocked = 15;
constexpr int kProhibited = 18;
constexpr int kNoReachableAuthority = 22;

// What makes two answers different.
std::string KeyOf(const Query& query) {
  std::string key(query.name());
  key.push_back(static_cast<char>(query.type >> 8));
  key.push_back(static_cast<char>(query.type));
  key.push_back(query.dnssec_ok ? 'd' : '-');
  key.push_back((query.flags & kFlagCheckingDisabled) != 0 ? 'c' : '-');
  return key;
}

void ReplyError(const Query& query, Rcode rcode, int extended_error, const Forwarder::ReplyFn& reply) {
  char buffer[kMaxOwnReply];
  const std::size_t size = Reply(query, kFlagRecursionAvailable, buffer).Finish(rcode, extended_error);
  reply({buffer, size});
}

}  // namespace

void Forwarder::Ask(const Query& query, Ipv4 client, std::size_t limit, ReplyFn reply) {
  const NamePermission permission =
      policy_ == nullptr ? NamePermission::kFree : policy_->Permits(client, NameToText(query.name()));
  if (permission == NamePermission::kRefused) return ReplyError(query, kRefused, kProhibited, reply);
  const bool is_listed = permission == NamePermission::kListed;
  const std::string key = KeyOf(query);
  auto [answer, age] = cache_.Find(key, Cache::Clock::now());
  if (answer != nullptr && !is_listed) return reply(answer->Render(query, age, limit));
  const bool is_new = answer == nullptr && pending_.count(key) == 0;
  if (!HasRoomFor(client, is_new)) return ReplyError(query, kServerFailure, Reply::kNoExtendedError, reply);
  ++waiting_of_[client];
  const auto waiter = std::make_shared<Waiter>(
      Waiter{query, std::string(query.question), client, limit, std::move(reply), is_listed});
  waiter->query.question = waiter->question;
  if (answer != nullptr) return Serve(waiter, std::move(answer), age);
  pending_[key].waiters.push_back(waiter);
  if (is_new) Begin(key, query);
}

bool Forwarder::HasRoomFor(Ipv4 client, bool new_question) const {
  const auto waiting = waiting_of_.find(client);
  return (!new_question || pending_.size() < limits_.in_flight) &&
         (waiting == waiting_of_.end() || waiting->second < limits_.in_flight_per_client);
}

void Forwarder::Begin(const std::string& key, const Query& query) {
  Exchange::Question question{.bytes = std::string(query.question),
                              .dnssec_ok = query.dnssec_ok,
                              .checking_disabled = (query.flags & kFlagCheckingDisabled) != 0};
  auto exchange = std::make_unique<Exchange>(
      loop_, upstreams_, std::move(question), limits_.exchange,
      [this, key](std::shared_ptr<const Answer> answer) { OnDone(key, std::move(answer)); });
  Exchange* const started = exchange.get();
  pending_[key].exchange = std::move(exchange);
  started->Start();
}

void Forwarder::OnDone(const std::string& key, AnswerPtr answer) {
  const auto found = pending_.find(key);
  const Pending done = std::move(found->second);
  pending_.erase(found);
  if (answer != nullptr && !answer->truncated()) cache_.Put(key, answer, Cache::Clock::now());
  for (const WaiterPtr& waiter : done.waiters) {
    if (answer != nullptr) {
      Serve(waiter, answer, 0);
      continue;
    }
    StopWaiting(*waiter);
    ReplyError(waiter->query, kServerFailure, kNoReachableAuthority, waiter->reply);
  }
}

void Forwarder::Serve(const WaiterPtr& waiter, AnswerPtr answer, std::uint32_t age) {
  const auto reply = [this, waiter, answer, age](bool may_be_sent) {
    StopWaiting(*waiter);
    if (!may_be_sent) return ReplyError(waiter->query, kRefused, kBlocked, waiter->reply);
    waiter->reply(answer->Render(waiter->query, age, waiter->limit));
  };
  if (!waiter->is_listed) return reply(true);
  const std::chrono::seconds ttl(answer->lifetime() > age ? answer->lifetime() - age : 0);
  policy_->LetThrough({.guest = waiter->client,
                       .name = NameToText(waiter->query.name()),
                       .aliases = answer->aliases(),
                       .addresses = answer->addresses(),
                       .ttl = ttl},
                      [&loop = loop_, alive = std::weak_ptr(alive_), reply](bool may_be_sent) {
                        loop.Post([alive, reply, may_be_sent] {
                          if (!alive.expired()) reply(may_be_sent);
                        });
                      });
}

void Forwarder::StopWaiting(const Waiter& waiter) {
  const auto waiting = waiting_of_.find(waiter.client);
  if (--waiting->second == 0) waiting_of_.erase(waiting);
}

}  // namespace banger::netd::dns
