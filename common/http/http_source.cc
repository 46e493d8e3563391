#include "common/http/http_source.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/http/url.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/sync/pause.h"

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
    case 401:
      return absl::UnauthenticatedError(text);
    case 403:
      return absl::PermissionDeniedError(text);
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
  source->pool_ = source->options_.pool;
  if (source->pool_ == nullptr) {
    BANGER_ASSIGN_OR_RETURN(source->pool_, ConnectionPool::Create());
  }
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
  return PauseFor(delay, stop_) ? absl::OkStatus() : absl::CancelledError("stopped");
}

absl::Status HttpSource::Connect() {
  std::string url = options_.url;
  bool renewed = false;
  for (int redirects = 0; redirects <= options_.max_redirects;) {
    ++connects_;
    Authorizer::Access access;
    if (options_.authorizer != nullptr) access = options_.authorizer->AccessTo(url);
    BANGER_RETURN_IF_ERROR(Request(url, access));
    if (IsRedirect(head_.status)) {
      EndTransfer();
      BANGER_ASSIGN_OR_RETURN(url, NextUrl(url));
      ++redirects;
      continue;
    }
    if (head_.status == 401 && options_.authorizer != nullptr && !renewed) {
      EndTransfer();
      BANGER_ASSIGN_OR_RETURN(renewed, options_.authorizer->Renew(url, access, head_, stop_));
      if (renewed) continue;
    }
    const absl::Status accepted = Accept();
    if (!accepted.ok()) transfer_.reset();
    return accepted;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the server redirects more than ", options_.max_redirects, " times"));
}

absl::Status HttpSource::Request(const std::string& url, const Authorizer::Access& access) {
  TransferRequest request{.url = url,
                          .headers = options_.headers,
                          .tls = access.tls,
                          .form = options_.form,
                          .from = options_.immutable || !validator_.empty() ? received_ : 0,
                          .validator = options_.immutable ? "" : validator_,
                          .connect_timeout = options_.connect_timeout,
                          .low_speed = options_.low_speed,
                          .low_speed_time = options_.low_speed_time};
  if (!access.authorization.empty())
    request.headers.push_back(absl::StrCat("Authorization: ", access.authorization));
  transfer_.reset();
  BANGER_ASSIGN_OR_RETURN(transfer_, Transfer::Start(pool_, request, stop_));
  BANGER_ASSIGN_OR_RETURN(head_, transfer_->AwaitHead());
  return absl::OkStatus();
}

// To the end of a short body, so that the connection can be used again.
void HttpSource::EndTransfer() {
  std::array<char, 4096> buffer;
  for (int i = 0; i < 16; ++i)
    if (transfer_->Read(buffer).value_or(0) == 0) break;
  transfer_.reset();
}

absl::StatusOr<std::string> HttpSource::NextUrl(const std::string& url) const {
  const std::string next = ResolveUrl(url, head_.Field("location"));
  if (next.empty()) return absl::FailedPreconditionError("the server redirects to nowhere");
  BANGER_RETURN_IF_ERROR(Annotate(CheckRedirect(url, next, options_.allow_http), "redirect"));
  return next;
}

absl::Status HttpSource::Accept() {
  if (head_.status == 206) return AcceptRest();
  if (head_.status == 200) return AcceptWhole();
  retry_after_ = head_.retry_after;
  if (head_.status == 416 && received_ > 0) {
    // Only the word that it is over was lost.
    if (head_.range_total != received_) return Changed();
    complete_ = true;
    return absl::OkStatus();
  }
  return StatusError(head_.status);
}

absl::Status HttpSource::AcceptRest() {
  if (received_ == 0) return absl::FailedPreconditionError("the server sends a part that nobody asked for");
  if (head_.range_start != received_) return absl::FailedPreconditionError("the server sends another part");
  if (total_.has_value() && head_.range_total.has_value() && head_.range_total != total_) return Changed();
  const std::string validator = head_.Validator();
  if (!options_.immutable && !validator.empty() && validator != validator_) return Changed();
  if (!total_.has_value()) total_ = head_.range_total;
  return absl::OkStatus();
}

absl::Status HttpSource::AcceptWhole() {
  if (head_.content_length.value_or(0) > options_.max_bytes)
    return absl::OutOfRangeError(absl::StrCat("it has ", *head_.content_length, " bytes, and no more than ",
                                              options_.max_bytes, " are taken"));
  if (received_ == 0) {
    total_ = head_.content_length;
    validator_ = head_.Validator();
    return absl::OkStatus();
  }
  if (total_.has_value() && head_.content_length != total_) return Changed();
  if (!options_.immutable && (head_.Validator() != validator_ || head_.content_length != total_))
    return Changed();
  total_ = head_.content_length;
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
    if (received_ < total_.value_or(0)) return absl::UnavailableError("the server ends before the end");
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
