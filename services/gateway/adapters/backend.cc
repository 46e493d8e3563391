#include "services/gateway/adapters/backend.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"

namespace banger::gateway {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using namespace std::chrono_literals;

// A daemon that refuses the watch is not asked in a tight loop.
constexpr auto kWatchPause = 50ms;

}  // namespace

// One health stream; deletes itself.
class Backend::Watch final : public grpc::ClientReadReactor<HealthCheckResponse> {
 public:
  explicit Watch(Backend& backend) : backend_(backend) {
    context_.set_wait_for_ready(true);
    backend.health_->async()->Watch(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

  void Cancel() { context_.TryCancel(); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    // A daemon says NOT_SERVING when it shuts down, and would wait for this
    // stream to end.
    if (response_.status() != HealthCheckResponse::SERVING) return Cancel();
    backend_.WatchSaysServing();
    StartRead(&response_);
  }
  void OnDone(const grpc::Status&) override {
    Backend& backend = backend_;
    backend.WatchEnded();
    delete this;
    backend.CallbackEnded();
  }

  Backend& backend_;
  grpc::ClientContext context_;
  HealthCheckRequest request_;
  HealthCheckResponse response_;
};

Backend::Backend(Options options)
    : options_(std::move(options)),
      channel_(rpc::ConnectDaemon(options_.socket, options_.service_config)),
      stub_(channel_),
      health_(grpc::health::v1::Health::NewStub(channel_)) {
  {
    const MutexLock lock(mutex_);
    BecomeAway();
  }
  StartWatch();
}

Backend::~Backend() {
  MutexLock lock(mutex_);
  closing_ = true;
  if (watch_ != nullptr) watch_->Cancel();
  if (next_watch_.has_value()) next_watch_->Cancel();
  if (patience_end_.has_value()) patience_end_->Cancel();
  idle_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return callbacks_ == 0; });
}

bool Backend::serving() const {
  const MutexLock lock(mutex_);
  return serving_;
}

bool Backend::AddWaiter(Waiter* waiter) {
  const MutexLock lock(mutex_);
  if (out_of_patience_) return false;
  waiters_.insert(waiter);
  return true;
}

void Backend::RemoveWaiter(Waiter* waiter) {
  const MutexLock lock(mutex_);
  waiters_.erase(waiter);
}

bool Backend::has_socket() const {
  std::error_code error;
  return std::filesystem::exists(options_.socket, error) || error;
}

std::string Backend::DescribeOutage() const {
  const std::string socket = absl::StrCat("'", options_.socket.string(), "'");
  if (!has_socket()) return absl::StrCat(options_.daemon, " is not running: there is no socket ", socket);
  return absl::StrCat(options_.daemon, " does not answer at ", socket);
}

void Backend::StartWatch() {
  const MutexLock lock(mutex_);
  if (closing_) return;
  ++callbacks_;
  watch_ = new Watch(*this);
}

void Backend::WatchSaysServing() {
  {
    const MutexLock lock(mutex_);
    if (serving_) return;
    serving_ = true;
    out_of_patience_ = false;
    patience_end_->Cancel();
  }
  if (options_.on_change) options_.on_change(true);
}

void Backend::WatchEnded() {
  bool changed = false;
  {
    const MutexLock lock(mutex_);
    watch_ = nullptr;
    if (closing_) return;
    changed = serving_;
    if (serving_) BecomeAway();
    Schedule(next_watch_, kWatchPause, &Backend::StartWatch);
  }
  if (changed && options_.on_change) options_.on_change(false);
}

void Backend::BecomeAway() {
  serving_ = false;
  Schedule(patience_end_, options_.patience, &Backend::PatienceEnded);
}

void Backend::PatienceEnded() {
  const MutexLock lock(mutex_);
  if (serving_) return;
  out_of_patience_ = true;
  for (Waiter* waiter : waiters_) waiter->GiveUp();
  waiters_.clear();
}

void Backend::Schedule(std::optional<grpc::Alarm>& alarm, std::chrono::milliseconds delay,
                       void (Backend::*then)()) {
  ++callbacks_;
  alarm.emplace();
  alarm->Set(std::chrono::system_clock::now() + delay, [this, then](bool fired) {
    if (fired) (this->*then)();
    CallbackEnded();
  });
}

void Backend::CallbackEnded() {
  const MutexLock lock(mutex_);
  --callbacks_;
  idle_.notify_all();
}

}  // namespace banger::gateway
