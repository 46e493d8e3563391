// Which addresses may be fetched: https; http only where nobody is in between,
// or where the caller takes the responsibility.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::http {

// INVALID_ARGUMENT, naming the URL, for what is no URL, has another scheme or a
// password in it, or is plain http to another host than this one without
// `allow_http`.
absl::Status CheckUrl(const std::string& url, bool allow_http);

// From https only to https, and nowhere that CheckUrl refuses.
absl::Status CheckRedirect(const std::string& from, const std::string& to, bool allow_http);

// Where a redirect from `base` leads, which may be relative; empty when it is no
// address.
std::string ResolveUrl(const std::string& base, const std::string& location);

// "https://host:port" in lower case, with the port that is meant; empty for what
// is no address. Credentials for one origin are never for another.
std::string OriginOf(const std::string& url);

// localhost, 127.0.0.0/8, ::1.
bool IsLoopbackUrl(const std::string& url);

// As CheckUrl accepts it: "http://" or "https://", in any case.
bool IsHttpUrl(absl::string_view text);

}  // namespace banger::http
