#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/http/response_head.h"

namespace banger::http {

struct TransferRequest {
  std::string url;
  // More than 0: only the bytes from there on, if `validator` still holds.
  std::int64_t from = 0;
  std::string validator;
  std::chrono::milliseconds connect_timeout{10'000};
  // Less than `low_speed` bytes a second for so long is a broken transfer.
  std::int64_t low_speed = 1024;
  std::chrono::seconds low_speed_time{30};
};

// One GET, without redirects or retries. Bytes are pulled: while nobody reads,
// the server waits. UNAVAILABLE for whatever another try may mend, CANCELLED
// when stopped, FAILED_PRECONDITION for the rest. Not thread-safe.
class Transfer {
 public:
  static absl::StatusOr<std::unique_ptr<Transfer>> Start(const TransferRequest& request,
                                                         const std::stop_token& stop);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Waits for the final response's head.
  absl::StatusOr<ResponseHead> AwaitHead();

  // Where the head sends us, absolute; empty when it does not.
  std::string RedirectUrl() const;

  // 0 at the end of the body.
  absl::StatusOr<std::size_t> Read(std::span<char> buffer);

 private:
  struct FreeMulti {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
  };
  struct FreeEasy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  explicit Transfer(const std::stop_token& stop);
  absl::Status Configure(const TransferRequest& request);
  // Lets the library work until something has happened.
  absl::Status Step();
  absl::Status Ended(CURLcode code) const;
  std::size_t OnHeader(absl::string_view line);
  std::size_t OnBody(absl::string_view bytes);
  static std::size_t HeaderCallback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t BodyCallback(char* data, std::size_t size, std::size_t count, void* self);

  const std::stop_token stop_;
  const std::unique_ptr<CURLM, FreeMulti> multi_;
  const std::unique_ptr<CURL, FreeEasy> easy_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::string error_text_;  // the library writes into it
  ResponseHead head_;
  bool head_complete_ = false;
  std::size_t head_bytes_ = 0;
  bool done_ = false;
  absl::Status result_;     // once done
  std::span<char> target_;  // what Read still has to fill
  std::string pending_;     // what did not fit into it
  std::size_t pending_used_ = 0;
  bool paused_ = false;
  // Last: it must be gone before what it wakes up.
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace banger::http
