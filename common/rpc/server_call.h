// Bridges gRPC's callback reactors to plain blocking functions: the handler runs
// on a WorkerPool, never on gRPC's own threads (on a machine with two CPUs two
// blocked reactions stop the whole server). Service code uses these three and
// never writes a reactor.
//
//   grpc::ServerUnaryReactor* GetKernel(grpc::CallbackServerContext* context,
//                                       const v1::GetKernelRequest* request,
//                                       v1::GetKernelResponse* response) override {
//     return rpc::Unary(workers_, context, response,
//         [this, request](const rpc::Call& call) -> absl::StatusOr<v1::GetKernelResponse> { ... });
//   }
//
// A full pool answers RESOURCE_EXHAUSTED at once. The request and the context
// live until the handler has returned.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/log/log.h"
#include "common/rpc/call.h"
#include "common/sync/worker_pool.h"

namespace banger::rpc {

inline absl::Status TooBusy() { return absl::ResourceExhaustedError("too many calls in flight; try again"); }

struct IgnoreEnd {
  void operator()(const Call&, grpc::StatusCode) const {}
};

// Handler: absl::StatusOr<Response>(const Call&). Ended: void(const Call&, grpc::StatusCode),
// told of each call before its caller is: on a worker, or, of one for which there was none,
// on gRPC's thread.
template <typename Response, typename Handler, typename Ended = IgnoreEnd>
grpc::ServerUnaryReactor* Unary(WorkerPool& workers, grpc::CallbackServerContext* context, Response* response,
                                Handler handler, Ended ended = {}) {
  class Reactor final : public grpc::ServerUnaryReactor {
   public:
    Reactor(const grpc::CallbackServerContext& context, Ended ended)
        : call_(MakeCall(context, stop_.get_token())), ended_(std::move(ended)) {}

    const Call& call() const { return call_; }
    // The reactor may be gone when this returns.
    void End(const absl::Status& result) {
      const grpc::Status status = FinishCall(call_, result);
      ended_(call_, status.error_code());
      Finish(status);
    }

   private:
    void OnCancel() override { stop_.request_stop(); }
    void OnDone() override { delete this; }

    std::stop_source stop_;
    const Call call_;
    const Ended ended_;
  };
  auto* reactor = new Reactor(*context, std::move(ended));
  const bool accepted = workers.Submit([reactor, response, handler = std::move(handler)]() mutable {
    const log::ScopedRequestId scope(reactor->call().request_id);
    absl::StatusOr<Response> result = handler(reactor->call());
    const absl::Status status = result.status();
    if (status.ok()) *response = *std::move(result);
    reactor->End(status);
  });
  if (!accepted) reactor->End(TooBusy());
  return reactor;
}

// What a streaming handler writes to. One thread at a time may send.
template <typename Message>
class Writer {
 public:
  virtual ~Writer() = default;
  // Blocks for flow control; false once the caller has gone.
  virtual bool Send(Message message) = 0;
  // Drops the message when an earlier one is still on its way.
  virtual void TrySend(Message message) = 0;
};

// What a bidirectional handler speaks to. One thread may read while another
// sends; the handler returns only when both are done.
template <typename In, typename Out>
class Stream : public Writer<Out> {
 public:
  // Blocks; empty when the caller sends no more, has gone, or after StopReading.
  virtual std::optional<In> Read() = 0;
  // Ends a Read that blocks in another thread, and all later ones.
  virtual void StopReading() = 0;
};

// The two kinds of streaming reactors differ in what gRPC calls them; what they
// do about writing is the same. `Reactor` is the gRPC base class.
template <typename Reactor, typename Interface, typename Out>
class WritingReactor : public Reactor, public Interface {
 public:
  std::stop_token stop_token() const { return stop_.get_token(); }

  bool Send(Out message) override {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop_.get_token(), [this] { return !writing_; })) return false;
    if (stop_.stop_requested()) return false;
    StartWriteLocked(std::move(message));
    return true;
  }

  void TrySend(Out message) override {
    const std::unique_lock lock(mutex_);
    if (!writing_ && !stop_.stop_requested()) StartWriteLocked(std::move(message));
  }

  // Finishes after the last write; nothing may touch the reactor afterwards.
  void Close(const grpc::Status& status) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !writing_; });
    }
    this->Finish(status);
  }

 protected:
  void OnWriteDone(bool ok) override {
    if (!ok) stop_.request_stop();
    const std::lock_guard lock(mutex_);
    writing_ = false;
    changed_.notify_all();
  }
  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable_any changed_;

 private:
  void StartWriteLocked(Out message) {
    writing_ = true;
    in_flight_ = std::move(message);
    this->StartWrite(&in_flight_);
  }

  bool writing_ = false;
  Out in_flight_;
};

template <typename Out>
class ServerStreamReactor final : public WritingReactor<grpc::ServerWriteReactor<Out>, Writer<Out>, Out> {};

template <typename In, typename Out>
class BidiStreamReactor final
    : public WritingReactor<grpc::ServerBidiReactor<In, Out>, Stream<In, Out>, Out> {
 public:
  std::optional<In> Read() override {
    std::unique_lock lock(this->mutex_);
    if (ended_ || this->stop_.stop_requested()) return std::nullopt;
    read_done_ = false;
    this->StartRead(&incoming_);
    this->changed_.wait(lock, this->stop_.get_token(), [this] { return read_done_ || ended_; });
    if (!read_done_ || ended_) {
      ended_ = true;
      return std::nullopt;
    }
    return std::move(incoming_);
  }

  void StopReading() override {
    const std::lock_guard lock(this->mutex_);
    ended_ = true;
    this->changed_.notify_all();
  }

 private:
  void OnReadDone(bool ok) override {
    const std::lock_guard lock(this->mutex_);
    read_done_ = true;
    if (!ok) ended_ = true;
    this->changed_.notify_all();
  }

  bool read_done_ = false;
  bool ended_ = false;
  In incoming_;
};

template <typename Reactor, typename Handler>
Reactor* RunStream(WorkerPool& workers, grpc::CallbackServerContext* context, Handler handler) {
  auto* reactor = new Reactor;
  const Call call = MakeCall(*context, reactor->stop_token());
  const bool accepted = workers.Submit([reactor, call, handler = std::move(handler)]() mutable {
    const log::ScopedRequestId scope(call.request_id);
    const absl::Status result = handler(static_cast<const Call&>(call), *reactor);
    reactor->Close(FinishCall(call, result));
  });
  if (!accepted) reactor->Finish(FinishCall(call, TooBusy()));
  return reactor;
}

// Handler: absl::Status(const Call&, Writer<Message>&).
template <typename Message, typename Handler>
grpc::ServerWriteReactor<Message>* ServerStream(WorkerPool& workers, grpc::CallbackServerContext* context,
                                                Handler handler) {
  return RunStream<ServerStreamReactor<Message>>(workers, context, std::move(handler));
}

// Handler: absl::Status(const Call&, Stream<In, Out>&).
template <typename In, typename Out, typename Handler>
grpc::ServerBidiReactor<In, Out>* BidiStream(WorkerPool& workers, grpc::CallbackServerContext* context,
                                             Handler handler) {
  return RunStream<BidiStreamReactor<In, Out>>(workers, context, std::move(handler));
}

// Sends progress at most about ten times a second, never waiting for a slow
// reader. For one thread.
template <typename Message>
class ProgressThrottle {
 public:
  explicit ProgressThrottle(Writer<Message>& out) : out_(out) {}

  void Report(Message message) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    out_.TrySend(std::move(message));
  }

  // For what must be seen: another stage, a warning.
  void ReportNow(Message message) { out_.Send(std::move(message)); }

 private:
  Writer<Message>& out_;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace banger::rpc
