#include "common/rpc/channel.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/limits.h"
#include "common/sync/pause.h"

namespace banger::rpc {
namespace {

using namespace std::chrono_literals;

}  // namespace

std::shared_ptr<grpc::Channel> ConnectDaemon(const std::filesystem::path& socket,
                                             const std::string& service_config) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // The minimum is also the time that one attempt may take: not lower.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 150);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetServiceConfigJSON(service_config);
  return grpc::CreateCustomChannel(absl::StrCat("unix:", socket.string()), grpc::InsecureChannelCredentials(),
                                   arguments);
}

absl::Status WaitForDaemon(grpc::Channel& channel, const std::string& daemon,
                           std::chrono::milliseconds timeout, const std::stop_token& stop) {
  const auto deadline = std::chrono::system_clock::now() + timeout;
  while (!stop.stop_requested()) {
    const auto step = std::min(deadline, std::chrono::system_clock::now() + 50ms);
    if (channel.WaitForConnected(step)) return absl::OkStatus();
    if (std::chrono::system_clock::now() >= deadline)
      return absl::UnavailableError(absl::StrCat(daemon, " does not answer"));
  }
  return absl::CancelledError(absl::StrCat("stopped while waiting for ", daemon));
}

ClientCall::ClientCall(const Call& parent) : on_stop_(parent.stop, [this] { context_.TryCancel(); }) {
  context_.AddMetadata(kRequestIdKey, parent.request_id);
  context_.set_deadline(parent.deadline);
}

ClientCall::ClientCall(std::string request_id, std::chrono::milliseconds timeout, const std::stop_token& stop)
    : on_stop_(stop, [this] { context_.TryCancel(); }) {
  context_.AddMetadata(kRequestIdKey, request_id.empty() ? NewRequestId() : std::move(request_id));
  if (timeout > 0ms) context_.set_deadline(std::chrono::system_clock::now() + timeout);
}

absl::Status RetryUnavailable(const std::stop_token& stop, const std::function<absl::Status()>& attempt) {
  absl::Status status;
  for (auto delay = 20ms; delay <= 400ms; delay *= 3) {
    status = attempt();
    if (!absl::IsUnavailable(status) || !PauseFor(delay, stop)) return status;
  }
  return attempt();
}

}  // namespace banger::rpc
