#include "common/http/url.h"

#include <curl/curl.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger::http {
namespace {

struct Free {
  void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};

// The parts of a URL, as the library that will use it sees them.
class ParsedUrl {
 public:
  explicit ParsedUrl(const std::string& url) : handle_(curl_url()) {
    // A NUL would hide what follows it from the library.
    valid_ = url.find('\0') == std::string::npos &&
             curl_url_set(handle_.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
  }

  bool valid() const { return valid_; }
  // Goes on to what the location says, which may be relative.
  void Follow(const std::string& location) {
    valid_ =
        valid_ && location.find('\0') == std::string::npos &&
        curl_url_set(handle_.get(), CURLUPART_URL, location.c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
  }
  std::string Part(CURLUPart part, unsigned flags = 0) const {
    char* text = nullptr;
    if (!valid_ || curl_url_get(handle_.get(), part, &text, flags) != CURLUE_OK) return {};
    std::string copy = text;
    curl_free(text);
    return copy;
  }

 private:
  std::unique_ptr<CURLU, Free> handle_;
  bool valid_ = false;
};

bool IsLoopbackHost(const std::string& host) {
  return absl::EqualsIgnoreCase(host, "localhost") || host == "[::1]" ||
         (absl::StartsWith(host, "127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

absl::Status Refused(const std::string& url, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", url, "' ", why));
}

}  // namespace

absl::Status CheckUrl(const std::string& url, bool allow_http) {
  const ParsedUrl parsed(url);
  if (!parsed.valid()) return Refused(url, "is no URL");
  const std::string scheme = parsed.Part(CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http") return Refused(url, "is neither https nor http");
  if (!parsed.Part(CURLUPART_USER).empty() || !parsed.Part(CURLUPART_PASSWORD).empty())
    return absl::InvalidArgumentError("a URL with a user or password in it is not taken");
  if (scheme == "http" && !allow_http && !IsLoopbackHost(parsed.Part(CURLUPART_HOST)))
    return Refused(url, "is not https");
  return absl::OkStatus();
}

absl::Status CheckRedirect(const std::string& from, const std::string& to, bool allow_http) {
  BANGER_RETURN_IF_ERROR(CheckUrl(to, allow_http));
  if (ParsedUrl(from).Part(CURLUPART_SCHEME) == "https" && ParsedUrl(to).Part(CURLUPART_SCHEME) != "https")
    return Refused(to, "is not https, and it is where an https server leads");
  return absl::OkStatus();
}

std::string ResolveUrl(const std::string& base, const std::string& location) {
  ParsedUrl url(base);
  url.Follow(location);
  return location.empty() ? std::string() : url.Part(CURLUPART_URL);
}

std::string OriginOf(const std::string& url) {
  const ParsedUrl parsed(url);
  const std::string host = parsed.Part(CURLUPART_HOST);
  if (host.empty()) return {};
  return absl::AsciiStrToLower(absl::StrCat(parsed.Part(CURLUPART_SCHEME), "://", host, ":",
                                            parsed.Part(CURLUPART_PORT, CURLU_DEFAULT_PORT)));
}

bool IsLoopbackUrl(const std::string& url) { return IsLoopbackHost(ParsedUrl(url).Part(CURLUPART_HOST)); }

bool IsHttpUrl(absl::string_view text) {
  return absl::StartsWithIgnoreCase(text, "http://") || absl::StartsWithIgnoreCase(text, "https://");
}

}  // namespace banger::http
