#include "common/rpc/call.h"

#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/rpc/error_mapping.h"

namespace banger::rpc {
namespace {

constexpr std::size_t kMaxRequestId = 64;

std::atomic<CallCounter*> call_counter = nullptr;

std::string Metadata(const grpc::CallbackServerContext& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  return found == context.client_metadata().end() ? ""
                                                  : std::string(found->second.data(), found->second.size());
}

}  // namespace

void SetCallCounter(CallCounter* counter) { call_counter = counter; }

std::string NewRequestId() {
  char bytes[8] = {};
  [[maybe_unused]] const ssize_t n = ::getrandom(bytes, sizeof bytes, 0);
  return absl::BytesToHexString(absl::string_view(bytes, sizeof bytes));
}

Call MakeCall(const grpc::CallbackServerContext& context, std::stop_token stop) {
  Call call;
  call.request_id = Metadata(context, kRequestIdKey);
  if (call.request_id.empty() || call.request_id.size() > kMaxRequestId) call.request_id = NewRequestId();
  call.method = Metadata(context, kPeerMethodKey);
  std::uint32_t uid = 0;
  call.peer_uid = absl::SimpleAtoi(Metadata(context, kPeerUidKey), &uid) ? uid : ::geteuid();
  call.stop = std::move(stop);
  call.deadline = context.deadline();
  call.start = std::chrono::steady_clock::now();
  if (CallCounter* const counter = call_counter; counter != nullptr) {
    call.counter = &counter->Of(call.method);
    call.counter->Begin();
  }
  return call;
}

void EndCall(const Call& call, grpc::StatusCode code) {
  if (call.counter != nullptr) call.counter->End(code, std::chrono::steady_clock::now() - call.start);
}

grpc::Status FinishCall(const Call& call, const absl::Status& result) {
  const grpc::Status status = ToGrpc(result, call.request_id);
  EndCall(call, status.error_code());
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - call.start)
          .count();
  const std::string code = absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()));
  if (IsInternalBug(result)) {
    log::Error("call failed",
               {{"method", call.method}, {"error", result.ToString()}, {"ms", absl::StrCat(milliseconds)}});
  } else if (!result.ok()) {
    log::Info("call refused", {{"method", call.method},
                               {"code", code},
                               {"error", std::string(result.message())},
                               {"ms", absl::StrCat(milliseconds)}});
  } else {
    log::Debug("call", {{"method", call.method}, {"ms", absl::StrCat(milliseconds)}});
  }
  return status;
}

}  // namespace banger::rpc
