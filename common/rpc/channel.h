// The client's side of calls between daemons and from the CLI.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "common/rpc/call.h"

namespace banger::rpc {

// A channel to a daemon's socket that reconnects by itself, quickly. Cheap to
// make; connects at the first call. `service_config` is gRPC's, as JSON.
std::shared_ptr<grpc::Channel> ConnectDaemon(const std::filesystem::path& socket,
                                             const std::string& service_config = "{}");

// Waits until the channel is connected: a daemon that is being restarted is
// worth a moment. UNAVAILABLE naming `daemon` when it does not come, CANCELLED
// when stopped.
absl::Status WaitForDaemon(grpc::Channel& channel, const std::string& daemon,
                           std::chrono::milliseconds timeout, const std::stop_token& stop = {});

// The context of one outgoing call: carries the request id, ends at the deadline
// and when stopped. Lives until the call has finished.
class ClientCall {
 public:
  // On behalf of a call that is being served: same id, deadline and end.
  explicit ClientCall(const Call& parent);
  // Without one; 0 has no deadline.
  ClientCall(std::string request_id, std::chrono::milliseconds timeout, const std::stop_token& stop = {});

  grpc::ClientContext* context() { return &context_; }

 private:
  grpc::ClientContext context_;
  std::stop_callback<std::function<void()>> on_stop_;
};

// Calls `attempt` up to four times while it answers UNAVAILABLE, with a short
// pause between. Only for what may safely happen twice.
absl::Status RetryUnavailable(const std::stop_token& stop, const std::function<absl::Status()>& attempt);

}  // namespace banger::rpc
