// Calls to the gateway. One request id stands for the whole run of the program.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/channel.h"
#include "common/status/status_macros.h"

namespace banger::cli {

// For calls that answer from what a daemon has at hand.
constexpr std::chrono::milliseconds kQuick = std::chrono::seconds(30);
// For calls that boot, copy or download.
constexpr std::chrono::milliseconds kLong = std::chrono::hours(6);
constexpr std::chrono::milliseconds kForever{0};

// Reads until the stream ends or `use` fails, which cancels the call.
template <typename Response, typename Reader, typename Use>
absl::Status ReadAll(Reader& reader, rpc::ClientCall& call, Use use) {
  Response response;
  absl::Status used;
  while (used.ok() && reader.Read(&response)) {
    used = use(response);
    if (!used.ok()) call.context()->TryCancel();
  }
  return used;
}

// Thread-safe once connected.
class Client {
 public:
  explicit Client(const std::stop_token& stop);

  // Finds the gateway's socket and connects. UNAVAILABLE at once when there is
  // no socket, else after `patience`: a gateway that is being restarted is worth
  // a moment.
  absl::Status Connect(std::chrono::milliseconds patience = std::chrono::seconds(3));

  // A client of the same connection that goes on after Ctrl-C: for cleaning up.
  Client WithoutStop() const;

  // Empty until connected: no daemon has it in its log.
  std::string request_id() const { return channel_ != nullptr ? request_id_ : ""; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::stop_token& stop() const { return stop_; }

  std::unique_ptr<rpc::ClientCall> NewCall(std::chrono::milliseconds timeout) const {
    return std::make_unique<rpc::ClientCall>(request_id_, timeout, stop_);
  }

  // The status of a finished call. CANCELLED only when it was us who did not
  // want to go on.
  absl::Status Result(const grpc::Status& status) const;

  // client.Unary(&KernelService::Stub::GetKernel, request)
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Unary(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                                 const Request& request, std::chrono::milliseconds timeout = kQuick) {
    BANGER_RETURN_IF_ERROR(Connect());
    Stub stub(channel_);
    const auto call = NewCall(timeout);
    Response response;
    BANGER_RETURN_IF_ERROR(Result((stub.*method)(call->context(), request, &response)));
    return response;
  }

  // Gives each message of a server's stream to `use`, absl::Status(Response&);
  // its first error ends the call.
  template <typename Stub, typename Request, typename Response, typename Use>
  absl::Status Stream(std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(grpc::ClientContext*,
                                                                                    const Request&),
                      const Request& request, std::chrono::milliseconds timeout, Use use) {
    BANGER_RETURN_IF_ERROR(Connect());
    Stub stub(channel_);
    const auto call = NewCall(timeout);
    const std::unique_ptr<grpc::ClientReader<Response>> reader = (stub.*method)(call->context(), request);
    const absl::Status used = ReadAll<Response>(*reader, *call, use);
    const grpc::Status status = reader->Finish();
    return used.ok() ? Result(status) : used;
  }

 private:
  std::stop_token stop_;
  std::string request_id_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace banger::cli
