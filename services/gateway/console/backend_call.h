#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <string>

#include "common/sync/mutex.h"

namespace banger::gateway {

// One call of any kind over a channel, for threads that block. Thread-safe. Lives on
// by itself until gRPC is done with it.
class BackendCall final : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // `more`: requests may follow the first one.
  static std::shared_ptr<BackendCall> Start(const std::shared_ptr<grpc::Channel>& channel,
                                            const std::string& path, const grpc::ByteBuffer& first,
                                            bool more);

  enum class Event { kMessage, kQuiet, kEnd };
  // The next response, if it comes in time. At most one is in memory.
  Event Next(std::chrono::milliseconds patience, grpc::ByteBuffer& response);

  // After kEnd.
  grpc::Status status();

  // False when the call takes no more: it is over, or does not take what was sent.
  bool Send(const grpc::ByteBuffer& request);

  // Ends it soon. Nothing else is needed to let go of it.
  void Cancel();

 private:
  static constexpr std::size_t kMaxQueued = 64;

  BackendCall() = default;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericStub> stub_;
  std::string path_;

  Mutex mutex_;
  std::condition_variable_any changed_;
  // Until OnDone.
  std::shared_ptr<BackendCall> self_ ABSL_GUARDED_BY(mutex_);
  // Reads and writes may begin outside of reactions while this holds the call.
  bool held_ ABSL_GUARDED_BY(mutex_) = true;
  bool writable_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = true;
  bool has_response_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
  std::deque<grpc::ByteBuffer> queue_ ABSL_GUARDED_BY(mutex_);
  // gRPC's while it reads or writes.
  grpc::ByteBuffer response_;
  grpc::ByteBuffer request_;
};

}  // namespace banger::gateway
