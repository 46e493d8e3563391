#include "common/http/connection_pool.h"

namespace banger::http {
namespace {

// Whatever happens wakes the thread up earlier.
constexpr int kPollMilliseconds = 1000;
constexpr int kIdleMilliseconds = 60'000;

}  // namespace

absl::StatusOr<std::shared_ptr<ConnectionPool>> ConnectionPool::Create() {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::shared_ptr<ConnectionPool> pool(new ConnectionPool());
  if (initialized != CURLE_OK || pool->multi_ == nullptr)
    return absl::InternalError("libcurl does not start");
  pool->thread_ = std::thread([raw = pool.get()] { raw->Run(); });
  return pool;
}

ConnectionPool::~ConnectionPool() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    closing_ = true;
  }
  curl_multi_wakeup(multi_.get());
  thread_.join();
}

void ConnectionPool::Add(CURL* easy, Client& client) {
  curl_easy_setopt(easy, CURLOPT_PRIVATE, static_cast<void*>(&client));
  {
    const MutexLock lock(mutex_);
    known_.insert(easy);
  }
  Give({Order::Kind::kAdd, easy});
}

void ConnectionPool::Resume(CURL* easy) { Give({Order::Kind::kResume, easy}); }

void ConnectionPool::Remove(CURL* easy) {
  Give({Order::Kind::kRemove, easy});
  MutexLock lock(mutex_);
  removed_.wait(lock, [this, easy]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return known_.count(easy) == 0; });
}

void ConnectionPool::Give(Order order) {
  {
    const MutexLock lock(mutex_);
    orders_.push_back(order);
  }
  curl_multi_wakeup(multi_.get());
}

void ConnectionPool::Run() {
  while (Obey()) {
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    TellWhoIsDone();
    curl_multi_poll(multi_.get(), nullptr, 0, running > 0 ? kPollMilliseconds : kIdleMilliseconds, nullptr);
  }
}

bool ConnectionPool::Obey() {
  std::deque<Order> orders;
  {
    const MutexLock lock(mutex_);
    if (closing_) return false;
    orders.swap(orders_);
  }
  for (const Order& order : orders) {
    if (order.kind == Order::Kind::kAdd) curl_multi_add_handle(multi_.get(), order.easy);
    // Delivers what was held back, at once.
    if (order.kind == Order::Kind::kResume) curl_easy_pause(order.easy, CURLPAUSE_CONT);
    if (order.kind != Order::Kind::kRemove) continue;
    curl_multi_remove_handle(multi_.get(), order.easy);
    const MutexLock lock(mutex_);
    known_.erase(order.easy);
    removed_.notify_all();
  }
  return true;
}

void ConnectionPool::TellWhoIsDone() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Client* client = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &client);
    if (client != nullptr) client->OnDone(message->data.result);
  }
}

}  // namespace banger::http
