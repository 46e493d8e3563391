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
// A server sends on into the socket while we are busy; here only what one step
// brings beyond the reader's buffer waits.
constexpr std::size_t kMaxPending = 1 << 20;
constexpr std::size_t kMaxHead = 128 << 10;
constexpr int kPollMilliseconds = 1000;

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

}  // namespace

Transfer::Transfer(const std::stop_token& stop)
    : stop_(stop), multi_(curl_multi_init()), easy_(curl_easy_init()), error_text_(CURL_ERROR_SIZE, '\0') {}

Transfer::~Transfer() {
  on_stop_.reset();
  if (multi_ != nullptr && easy_ != nullptr) curl_multi_remove_handle(multi_.get(), easy_.get());
}

absl::StatusOr<std::unique_ptr<Transfer>> Transfer::Start(const TransferRequest& request,
                                                          const std::stop_token& stop) {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<Transfer> transfer(new Transfer(stop));
  if (initialized != CURLE_OK || transfer->multi_ == nullptr || transfer->easy_ == nullptr)
    return absl::InternalError("libcurl does not start");
  BANGER_RETURN_IF_ERROR(transfer->Configure(request));
  if (curl_multi_add_handle(transfer->multi_.get(), transfer->easy_.get()) != CURLM_OK)
    return absl::InternalError("libcurl does not start");
  transfer->on_stop_.emplace(stop, [multi = transfer->multi_.get()] { curl_multi_wakeup(multi); });
  return transfer;
}

absl::Status Transfer::Configure(const TransferRequest& request) {
  CURL* easy = easy_.get();
  curl_slist* list = nullptr;
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
  // The environment's proxy is for other hosts than this one.
  if (IsLoopbackUrl(request.url)) set(CURLOPT_PROXY, "");
  return ok ? absl::OkStatus() : absl::InternalError("libcurl lacks an option");
}

absl::StatusOr<ResponseHead> Transfer::AwaitHead() {
  while (!head_complete_ && !done_) BANGER_RETURN_IF_ERROR(Step());
  if (head_complete_) return head_;
  if (!result_.ok()) return result_;
  return absl::UnavailableError("the server says nothing");
}

std::string Transfer::RedirectUrl() const {
  char* url = nullptr;
  curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_URL, &url);
  return url == nullptr ? std::string() : std::string(url);
}

absl::StatusOr<std::size_t> Transfer::Read(std::span<char> buffer) {
  if (buffer.empty()) return 0;
  if (pending_used_ < pending_.size()) {
    const std::size_t count = std::min(buffer.size(), pending_.size() - pending_used_);
    std::copy_n(pending_.data() + pending_used_, count, buffer.data());
    pending_used_ += count;
    return count;
  }
  pending_.clear();
  pending_used_ = 0;
  target_ = buffer;
  absl::Status status;
  while (target_.size() == buffer.size() && !done_ && status.ok()) status = Step();
  const std::size_t count = buffer.size() - target_.size();
  target_ = {};
  if (count > 0) return count;
  if (!status.ok()) return status;
  if (!result_.ok()) return result_;
  return 0;
}

absl::Status Transfer::Step() {
  if (stop_.stop_requested()) return absl::CancelledError("stopped");
  // Unpausing delivers what was held back, at once.
  if (std::exchange(paused_, false)) curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
  int running = 0;
  if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) return absl::InternalError("libcurl fails");
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    done_ = true;
    result_ = Ended(message->data.result);
  }
  const bool waits = !done_ && !paused_ && pending_.empty() && !stop_.stop_requested();
  if (waits) curl_multi_poll(multi_.get(), nullptr, 0, kPollMilliseconds, nullptr);
  return absl::OkStatus();
}

absl::Status Transfer::Ended(CURLcode code) const {
  if (code == CURLE_OK) return absl::OkStatus();
  const std::string text = error_text_.c_str();
  const std::string why = text.empty() ? std::string(curl_easy_strerror(code)) : text;
  return MayPass(code) ? absl::UnavailableError(why) : absl::FailedPreconditionError(why);
}

std::size_t Transfer::OnHeader(absl::string_view line) {
  head_bytes_ += line.size();
  if (head_bytes_ > kMaxHead) return 0;
  if (head_complete_) return line.size();  // a trailer
  const absl::string_view text = absl::StripSuffix(absl::StripSuffix(line, "\n"), "\r");
  if (!text.empty()) {
    head_.AddLine(text);
  } else {
    head_complete_ = head_.status >= 200;
  }
  return line.size();
}

std::size_t Transfer::OnBody(absl::string_view bytes) {
  if (pending_.size() >= kMaxPending) {
    paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  const std::size_t direct = std::min(bytes.size(), target_.size());
  std::copy_n(bytes.data(), direct, target_.data());
  target_ = target_.subspan(direct);
  pending_.append(bytes.data() + direct, bytes.size() - direct);
  return bytes.size();
}

std::size_t Transfer::HeaderCallback(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<Transfer*>(self)->OnHeader({data, size * count});
}

std::size_t Transfer::BodyCallback(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<Transfer*>(self)->OnBody({data, size * count});
}

}  // namespace banger::http
