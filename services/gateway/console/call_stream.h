#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "services/gateway/adapters/http_server.h"
#include "services/gateway/console/backend_call.h"
#include "services/gateway/console/json_calls.h"

namespace banger::gateway {

// A call as lines of JSON: first {"call":"ID"}, by which more requests find it, then
// {"message":{...}} for each response, last {"end":{}} or {"error":{...}}. Empty lines
// when nothing has come for some seconds, so that a page that is gone is noticed.
class CallStream final : public HttpBody {
 public:
  struct Options {
    std::string id;
    const google::protobuf::MethodDescriptor* method;
    std::shared_ptr<BackendCall> call;
    // Cancels the call.
    std::stop_token session;
    // Whether the session goes on; asked while nothing comes.
    std::function<void()> on_quiet;
    // The call is over, or nobody reads it any more.
    std::function<void()> on_end;
  };

  explicit CallStream(Options options);
  ~CallStream() override;

  bool Next(std::string& out) override;

 private:
  void Take(const grpc::ByteBuffer& response, std::string& out);
  void Finish(const absl::Status& status, std::string& out);

  const Options options_;
  bool began_ = false;
  bool ended_ = false;
  std::optional<std::stop_callback<std::function<void()>>> on_session_end_;
};

}  // namespace banger::gateway
