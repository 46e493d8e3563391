#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <sys/types.h>

#include <chrono>
#include <stop_token>
#include <string>

#include "absl/status/status.h"

namespace banger::rpc {

// Metadata keys. Those that start with banger-peer- are stamped by the server
// that accepted the connection; what a client sends under them is dropped.
inline constexpr char kRequestIdKey[] = "banger-request-id";
inline constexpr char kPeerUidKey[] = "banger-peer-uid";
inline constexpr char kPeerMethodKey[] = "banger-peer-method";
inline constexpr char kPeerPrefix[] = "banger-peer-";

// Counts the calls of one method. Thread-safe, and quick: it is told of every call.
class MethodCounter {
 public:
  virtual ~MethodCounter() = default;
  virtual void Begin() = 0;
  virtual void End(grpc::StatusCode code, std::chrono::steady_clock::duration elapsed) = 0;
};

// Thread-safe.
class CallCounter {
 public:
  virtual ~CallCounter() = default;
  // `method` is what the client says. The result lives as long as this.
  virtual MethodCounter& Of(const std::string& method) = 0;
};

// Of this process, not owned; null, as at first, counts nothing. Not to be changed while
// calls are served.
void SetCallCounter(CallCounter* counter);

// What a handler knows of its call.
struct Call {
  // Of the caller, or made here; in every log line and error.
  std::string request_id;
  // "/banger.vm.v1.VmService/GetVm"; empty with an in-process channel.
  std::string method;
  // Of the process at the other end of the socket, from the kernel; ours with
  // an in-process channel.
  uid_t peer_uid = 0;
  // Requested when the caller has left, the deadline has passed or the server
  // shuts down.
  std::stop_token stop;
  std::chrono::system_clock::time_point deadline;
  std::chrono::steady_clock::time_point start;
  // Null where nobody counts.
  MethodCounter* counter = nullptr;
};

// Counted from here on: exactly one EndCall must follow, by FinishCall or by itself.
Call MakeCall(const grpc::CallbackServerContext& context, std::stop_token stop);

// The call has its result.
void EndCall(const Call& call, grpc::StatusCode code);

// 16 random hex digits.
std::string NewRequestId();

// Counts and logs the call, and turns its result into what goes over the wire.
grpc::Status FinishCall(const Call& call, const absl::Status& result);

}  // namespace banger::rpc
