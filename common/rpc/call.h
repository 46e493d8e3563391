#pragma once

#include <grpcpp/server_context.h>
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
};

Call MakeCall(const grpc::CallbackServerContext& context, std::stop_token stop);

// 16 random hex digits.
std::string NewRequestId();

// Logs the call and turns its result into what goes over the wire.
grpc::Status FinishCall(const Call& call, const absl::Status& result);

}  // namespace banger::rpc
