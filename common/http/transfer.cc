#include "common/http/transfer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/http/url.h"
#include "common/status/status_macros.h"
#include "common/version/version.h"

namespace banger::http {
namespace {

constexpr long kReceiveBuffer = 256 << 10;
// What may wait for the reader; then the server waits, too.
constexpr std::size_t kMaxPending = 1 << 20;
constexpr std::size_t kMaxHead = 128 << 10;

bool MayPass(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

absl::Status ToStatus(CURLcode code, const std::string& text) {
  if (code == CURLE_OK) return absl::OkStatus();
  const std::string why = text.empty() ? std::string(curl_easy_strerror(code)) : text;
  return MayPass(code) ? absl::UnavailableError(why) : absl::FailedPreconditionError(why);
}

}  // namespace

Transfer::Transfer(std::shared_ptr<ConnectionPool> pool, std::stop_token stop)
    : pool_(std::move(pool)),
      stop_(std::move(stop)),
      easy_(curl_easy_init()),
      error_text_(CURL_ERROR_SIZE, '\0') {}

Transfer::~Transfer() {
  if (added_) pool_->Remove(easy_.get());
}

absl::StatusOr<std::unique_ptr<Transfer>> Transfer::Start(std::shared_ptr<ConnectionPool> pool,
                                                          const TransferRequest& request,
                                                          const std::stop_token& stop) {
  std::unique_ptr<Transfer> transfer(new Transfer(std::move(pool), stop));
  if (transfer->easy_ == nullptr) return absl::InternalError("libcurl does not start");
  BANGER_RETURN_IF_ERROR(transfer->Configure(request));
  transfer->added_ = true;
  transfer->pool_->Add(transfer->easy_.get(), *transfer);
  return transfer;
}

absl::Status Transfer::Configure(const TransferRequest& request) {
  CURL* easy = easy_.get();
  curl_slist* list = nullptr;
  for (const std::string& header : request.headers) list = curl_slist_append(list, header.c_str());
  if (request.from > 0 && !request.validator.empty())
    list = curl_slist_append(list, absl::StrCat("If-Range: ", request.validator).c_str());
  headers_.reset(list);
  bool ok = true;
  const auto set = [easy, &ok](CURLoption option, auto value) {
    ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  // A stopped transfer does not wait for a name server.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_USERAGENT, absl::StrCat("banger/", std::string(GetBuildInfo().version)).c_str());
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_ERRORBUFFER, error_text_.data());
  set(CURLOPT_BUFFERSIZE, kReceiveBuffer);
  set(CURLOPT_HTTPHEADER, headers_.get());
  set(CURLOPT_HEADERFUNCTION, &Transfer::HeaderCallback);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Transfer::BodyCallback);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(request.low_speed));
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.low_speed_time.count()));
  if (request.from > 0) set(CURLOPT_RANGE, absl::StrCat(request.from, "-").c_str());
  if (request.form) set(CURLOPT_COPYPOSTFIELDS, request.form->c_str());
  const TlsOptions& tls = request.tls;
  if (!tls.ca_file.empty()) set(CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.client_cert_file.empty()) set(CURLOPT_SSLCERT, tls.client_cert_file.c_str());
  if (!tls.client_key_file.empty()) set(CURLOPT_SSLKEY, tls.client_key_file.c_str());
  if (!tls.verify) set(CURLOPT_SSL_VERIFYPEER, 0L);
  if (!tls.verify) set(CURLOPT_SSL_VERIFYHOST, 0L);
  // The environment's proxy is for other hosts than this one.
  if (IsLoopbackUrl(request.url)) set(CURLOPT_PROXY, "");
  return ok ? absl::OkStatus() : absl::InternalError("libcurl lacks an option");
}

absl::StatusOr<ResponseHead> Transfer::AwaitHead() {
  MutexLock lock(mutex_);
  const auto ready = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return head_complete_ || done_; };
  if (!changed_.wait(lock, stop_, ready)) return absl::CancelledError("stopped");
  if (head_complete_) return head_;
  if (!result_.ok()) return result_;
  return absl::UnavailableError("the server says nothing");
}

absl::StatusOr<std::size_t> Transfer::Read(std::span<char> buffer) {
  if (buffer.empty()) return 0;
  if (taken_used_ == taken_.size()) {
    taken_.clear();
    taken_used_ = 0;
    MutexLock lock(mutex_);
    const auto ready = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !pending_.empty() || done_; };
    if (!changed_.wait(lock, stop_, ready)) return absl::CancelledError("stopped");
    if (pending_.empty()) return result_.ok() ? absl::StatusOr<std::size_t>(0) : result_;
    taken_.swap(pending_);
    if (std::exchange(paused_, false)) pool_->Resume(easy_.get());
  }
  const std::size_t count = std::min(buffer.size(), taken_.size() - taken_used_);
  std::copy_n(taken_.data() + taken_used_, count, buffer.data());
  taken_used_ += count;
  return count;
}

void Transfer::OnDone(CURLcode code) {
  const MutexLock lock(mutex_);
  done_ = true;
  result_ = ToStatus(code, error_text_.c_str());
  changed_.notify_all();
}

std::size_t Transfer::OnHeader(absl::string_view line) {
  const MutexLock lock(mutex_);
  head_bytes_ += line.size();
  if (head_bytes_ > kMaxHead) return 0;
  if (head_complete_) return line.size();  // a trailer
  const absl::string_view text = absl::StripSuffix(absl::StripSuffix(line, "\n"), "\r");
  if (!text.empty()) {
    head_.AddLine(text);
  } else {
    head_complete_ = head_.status >= 200;
    changed_.notify_all();
  }
  return line.size();
}

std::size_t Transfer::OnBody(absl::string_view bytes) {
  const MutexLock lock(mutex_);
  if (pending_.size() >= kMaxPending) {
    paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  pending_.append(bytes.data(), bytes.size());
  changed_.notify_all();
  return bytes.size();
}

std::size_t Transfer::HeaderCallback(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<Transfer*>(self)->OnHeader({data, size * count});
}

std::size_t Transfer::BodyCallback(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<Transfer*>(self)->OnBody({data, size * count});
}

}  // namespace banger::http
