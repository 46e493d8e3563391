#include "services/gateway/console/origin.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace banger::gateway {

bool IsForThisHost(const HttpRequest& request) {
  std::string host = request.Header("host");
  const std::size_t colon = host.rfind(':');
  if (colon != std::string::npos && host.find(']', colon) == std::string::npos) {
    const std::string port = host.substr(colon + 1);
    if (port.empty() || port.find_first_not_of("0123456789") != std::string::npos) return false;
    host.resize(colon);
  }
  return host == "127.0.0.1" || host == "[::1]" || absl::EqualsIgnoreCase(host, "localhost");
}

bool IsFromOwnPage(const HttpRequest& request) {
  if (request.Header("origin") != absl::StrCat("http://", absl::AsciiStrToLower(request.Header("host"))))
    return false;
  const std::string& site = request.Header("sec-fetch-site");
  if (!site.empty() && site != "same-origin") return false;
  return request.Header("content-type") == "application/json";
}

std::string CookieIn(const HttpRequest& request, const std::string& name) {
  const std::vector<std::string> cookies = absl::StrSplit(request.Header("cookie"), ';');
  for (const std::string& cookie : cookies) {
    const std::string text(absl::StripAsciiWhitespace(cookie));
    if (text.starts_with(name + "=")) return text.substr(name.size() + 1);
  }
  return "";
}

}  // namespace banger::gateway
