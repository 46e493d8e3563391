#include "services/netd/dns/forwarder.h"

#include <utility>

#include "services/netd/dns/reply.h"

namespace banger::netd::dns {
namespace {

// RFC 8914.
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
  if (policy_ != nullptr && !policy_->Allows(client, NameToText(query.name())))
    return ReplyError(query, kRefused, kProhibited, reply);
  const std::string key = KeyOf(query);
  if (const auto [answer, age] = cache_.Find(key, Cache::Clock::now()); answer != nullptr)
    return Deliver(query, client, limit, reply, *answer, age);
  const bool is_new = pending_.count(key) == 0;
  const auto waiting = waiting_of_.find(client);
  if ((is_new && pending_.size() >= limits_.in_flight) ||
      (waiting != waiting_of_.end() && waiting->second >= limits_.in_flight_per_client))
    return ReplyError(query, kServerFailure, Reply::kNoExtendedError, reply);
  ++waiting_of_[client];
  pending_[key].waiters.push_back({query, std::string(query.question), client, limit, std::move(reply)});
  if (is_new) Begin(key, query);
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

void Forwarder::OnDone(const std::string& key, std::shared_ptr<const Answer> answer) {
  const auto found = pending_.find(key);
  const Pending done = std::move(found->second);
  pending_.erase(found);
  if (answer != nullptr && !answer->truncated()) cache_.Put(key, answer, Cache::Clock::now());
  for (const Waiter& waiter : done.waiters) {
    const auto waiting = waiting_of_.find(waiter.client);
    if (--waiting->second == 0) waiting_of_.erase(waiting);
    Query query = waiter.query;
    query.question = waiter.question;
    if (answer != nullptr)
      Deliver(query, waiter.client, waiter.limit, waiter.reply, *answer, 0);
    else
      ReplyError(query, kServerFailure, kNoReachableAuthority, waiter.reply);
  }
}

void Forwarder::Deliver(const Query& query, Ipv4 client, std::size_t limit, const ReplyFn& reply,
                        const Answer& answer, std::uint32_t age) {
  const std::chrono::seconds ttl(answer.lifetime() > age ? answer.lifetime() - age : 0);
  if (policy_ != nullptr && !policy_->OnAnswer(client, NameToText(query.name()), answer.addresses(), ttl))
    return ReplyError(query, kRefused, kProhibited, reply);
  reply(answer.Render(query, age, limit));
}

}  // namespace banger::netd::dns
