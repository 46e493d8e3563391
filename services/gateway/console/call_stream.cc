#include "services/gateway/console/call_stream.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/error_mapping.h"

namespace banger::gateway {
namespace {

constexpr std::chrono::seconds kQuiet{2};

}  // namespace

CallStream::CallStream(Options options) : options_(std::move(options)) {
  on_session_end_.emplace(options_.session, [call = options_.call] { call->Cancel(); });
}

CallStream::~CallStream() {
  on_session_end_.reset();
  options_.call->Cancel();
  options_.on_end();
}

bool CallStream::Next(std::string& out) {
  if (ended_) return false;
  if (!std::exchange(began_, true)) {
    absl::StrAppend(&out, TextsToJson({{"call", options_.id}}), "\n");
    return true;
  }
  grpc::ByteBuffer response;
  switch (options_.call->Next(kQuiet, response)) {
    case BackendCall::Event::kMessage:
      Take(response, out);
      break;
    case BackendCall::Event::kQuiet:
      options_.on_quiet();
      out += "\n";
      break;
    case BackendCall::Event::kEnd:
      Finish(rpc::FromGrpc(options_.call->status()), out);
      break;
  }
  return true;
}

void CallStream::Take(const grpc::ByteBuffer& response, std::string& out) {
  const absl::StatusOr<std::string> json = ResponseToJson(*options_.method, response);
  if (json.ok()) {
    absl::StrAppend(&out, "{\"message\":", *json, "}\n");
  } else {
    Finish(json.status(), out);
  }
}

void CallStream::Finish(const absl::Status& status, std::string& out) {
  ended_ = true;
  if (status.ok()) {
    out += "{\"end\":{}}\n";
  } else {
    absl::StrAppend(&out, "{\"error\":", ErrorToJson(status), "}\n");
  }
}

}  // namespace banger::gateway
