#include "common/http/http_source.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/http/url.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::http {
namespace {

// However little each of them brings.
constexpr int kMaxConnects = 200;

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

absl::Status StatusError(int status) {
  const std::string text = absl::StrCat("the server answers ", status);
  switch (status) {
    case 404:
    case 410:
      return absl::NotFoundError(text);
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return absl::UnavailableError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

absl::Status Changed() { return absl::AbortedError("it changed on the server while it was fetched"); }

}  // namespace

absl::StatusOr<std::unique_ptr<HttpSource>> HttpSource::Open(FetchOptions options, std::stop_token stop) {
  BANGER_RETURN_IF_ERROR(CheckUrl(options.url, options.allow_http));
  std::unique_ptr<HttpSource> source(new HttpSource(std::move(options), std::move(stop)));
  BANGER_RETURN_IF_ERROR(source->Name(source->Retry([&source] { return source->Connect(); })));
  return source;
}

absl::StatusOr<std::size_t> HttpSource::Read(std::span<char> buffer) {
  std::size_t count = 0;
  const absl::Status status = Retry([this, buffer, &count]() -> absl::Status {
    BANGER_ASSIGN_OR_RETURN(count, ReadOnce(buffer));
    return absl::OkStatus();
  });
  if (!status.ok()) return Name(status);
  return count;
}

absl::Status HttpSource::Retry(const std::function<absl::Status()>& attempt) {
  for (;;) {
    if (stop_.stop_requested()) return absl::CancelledError("stopped");
    const absl::Status status = attempt();
    if (!absl::IsUnavailable(status)) return status;
    transfer_.reset();
    if (++failures_ > options_.max_retries || connects_ >= kMaxConnects) return status;
    BANGER_RETURN_IF_ERROR(Wait(status));
  }
}

absl::Status HttpSource::Wait(const absl::Status& why) {
  const int doublings = std::min(failures_ - 1, 16);
  std::chrono::milliseconds delay = std::min(options_.first_delay * (1 << doublings), options_.longest_delay);
  if (retry_after_.has_value()) {
    delay = *retry_after_;
    if (delay > options_.longest_delay)
      return absl::FailedPreconditionError(
          absl::StrCat(why.message(), ", and wants ", retry_after_->count(), " s until the next try"));
  }
  retry_after_.reset();
  options_.on_retry(absl::StrFormat("%s; trying again in %.1f s", std::string(why.message()),
                                    static_cast<double>(delay.count()) / 1000));
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stop_, delay, [] { return false; });
  return stop_.stop_requested() ? absl::CancelledError("stopped") : absl::OkStatus();
}

absl::Status HttpSource::Connect() {
  std::string url = options_.url;
  for (int i = 0; i <= options_.max_redirects; ++i) {
    ++connects_;
    ResponseHead head;
    BANGER_RETURN_IF_ERROR(Request(url, head));
    if (!IsRedirect(head.status)) {
      const absl::Status accepted = Accept(head);
      if (!accepted.ok()) transfer_.reset();
      return accepted;
    }
    const std::string next = transfer_->RedirectUrl();
    transfer_.reset();
    if (next.empty()) return absl::FailedPreconditionError("the server redirects to nowhere");
    BANGER_RETURN_IF_ERROR(Annotate(CheckRedirect(url, next, options_.allow_http), "redirect"));
    url = next;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the server redirects more than ", options_.max_redirects, " times"));
}

absl::Status HttpSource::Request(const std::string& url, ResponseHead& head) {
  BANGER_ASSIGN_OR_RETURN(transfer_, Transfer::Start({.url = url,
                                                      .from = validator_.empty() ? 0 : received_,
                                                      .validator = validator_,
                                                      .connect_timeout = options_.connect_timeout,
                                                      .low_speed = options_.low_speed,
                                                      .low_speed_time = options_.low_speed_time},
                                                     stop_));
  BANGER_ASSIGN_OR_RETURN(head, transfer_->AwaitHead());
  return absl::OkStatus();
}

absl::Status HttpSource::Accept(const ResponseHead& head) {
  if (head.status == 206) return AcceptRest(head);
  if (head.status == 200) return AcceptWhole(head);
  retry_after_ = head.retry_after;
  if (head.status == 416 && received_ > 0) {
    // Only the word that it is over was lost.
    if (head.range_total != received_) return Changed();
    complete_ = true;
    return absl::OkStatus();
  }
  return StatusError(head.status);
}

absl::Status HttpSource::AcceptRest(const ResponseHead& head) {
  if (received_ == 0) return absl::FailedPreconditionError("the server sends a part that nobody asked for");
  if (head.range_start != received_) return absl::FailedPreconditionError("the server sends another part");
  if (total_.has_value() && head.range_total.has_value() && head.range_total != total_) return Changed();
  if (!head.Validator().empty() && head.Validator() != validator_) return Changed();
  return absl::OkStatus();
}

absl::Status HttpSource::AcceptWhole(const ResponseHead& head) {
  if (head.content_length.value_or(0) > options_.max_bytes)
    return absl::OutOfRangeError(absl::StrCat("it has ", *head.content_length, " bytes, and no more than ",
                                              options_.max_bytes, " are taken"));
  if (received_ == 0) {
    total_ = head.content_length;
    validator_ = head.Validator();
    return absl::OkStatus();
  }
  if (head.Validator() != validator_ || head.content_length != total_) return Changed();
  return SkipReceived();
}

absl::Status HttpSource::SkipReceived() {
  std::array<char, 64 << 10> buffer;
  for (std::int64_t left = received_; left > 0;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(left, buffer.size()));
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, transfer_->Read({buffer.data(), wanted}));
    if (count == 0) return Changed();
    left -= static_cast<std::int64_t>(count);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> HttpSource::ReadOnce(std::span<char> buffer) {
  if (!complete_ && transfer_ == nullptr) BANGER_RETURN_IF_ERROR(Connect());
  if (complete_) return 0;
  BANGER_ASSIGN_OR_RETURN(const std::size_t count, transfer_->Read(buffer));
  if (count == 0) {
    complete_ = true;
    transfer_.reset();
    return 0;
  }
  failures_ = 0;
  received_ += static_cast<std::int64_t>(count);
  if (received_ > options_.max_bytes)
    return absl::OutOfRangeError(absl::StrCat("more than ", options_.max_bytes, " bytes come"));
  return count;
}

absl::Status HttpSource::Name(const absl::Status& status) const {
  if (absl::IsCancelled(status)) return status;
  return Annotate(status, absl::StrCat("fetch '", options_.url, "'"));
}

}  // namespace banger::http
