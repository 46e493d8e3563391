#pragma once

#include <curl/curl.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/http/connection_pool.h"
#include "common/http/response_head.h"
#include "common/sync/mutex.h"

namespace banger::http {

// How to speak TLS to one server.
struct TlsOptions {
  std::string ca_file;           // trusted besides the system's; PEM
  std::string client_cert_file;  // PEM
  std::string client_key_file;   // PEM; empty: in the certificate's file
  bool verify = true;
};

struct TransferRequest {
  std::string url;
  std::vector<std::string> headers;  // "Accept: text/plain"
  TlsOptions tls;
  // POST of a form instead of GET.
  std::optional<std::string> form;
  // More than 0: only the bytes from there on, if `validator` (when there is one)
  // still holds.
  std::int64_t from = 0;
  std::string validator;
  std::chrono::milliseconds connect_timeout{10'000};
  // Less than `low_speed` bytes a second for so long is a broken transfer.
  std::int64_t low_speed = 1024;
  std::chrono::seconds low_speed_time{30};
};

// One request, without redirects or retries. Bytes are pulled: while nobody
// reads, the server waits. UNAVAILABLE for whatever another try may mend,
// CANCELLED when stopped, FAILED_PRECONDITION for the rest. For one thread.
class Transfer final : private ConnectionPool::Client {
 public:
  static absl::StatusOr<std::unique_ptr<Transfer>> Start(std::shared_ptr<ConnectionPool> pool,
                                                         const TransferRequest& request,
                                                         const std::stop_token& stop);
  ~Transfer() override;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Waits for the final response's head.
  absl::StatusOr<ResponseHead> AwaitHead() ABSL_LOCKS_EXCLUDED(mutex_);

  // 0 at the end of the body.
  absl::StatusOr<std::size_t> Read(std::span<char> buffer) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct FreeEasy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  Transfer(std::shared_ptr<ConnectionPool> pool, std::stop_token stop);
  absl::Status Configure(const TransferRequest& request);
  // On the pool's thread:
  void OnDone(CURLcode code) override ABSL_LOCKS_EXCLUDED(mutex_);
  std::size_t OnHeader(absl::string_view line) ABSL_LOCKS_EXCLUDED(mutex_);
  std::size_t OnBody(absl::string_view bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  static std::size_t HeaderCallback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t BodyCallback(char* data, std::size_t size, std::size_t count, void* self);

  const std::shared_ptr<ConnectionPool> pool_;
  const std::stop_token stop_;
  const std::unique_ptr<CURL, FreeEasy> easy_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::string error_text_;  // the library writes into it
  std::string taken_;       // what the reader has got of the body
  std::size_t taken_used_ = 0;

  Mutex mutex_;
  std::condition_variable_any changed_;
  ResponseHead head_ ABSL_GUARDED_BY(mutex_);
  bool head_complete_ ABSL_GUARDED_BY(mutex_) = false;
  std::size_t head_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string pending_ ABSL_GUARDED_BY(mutex_);  // what nobody has read yet
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status result_ ABSL_GUARDED_BY(mutex_);  // once done
  bool added_ = false;
};

}  // namespace banger::http
