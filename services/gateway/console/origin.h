#pragma once

#include <string>

#include "services/gateway/adapters/http_server.h"

namespace banger::gateway {

// Whether Host is a loopback name, at any port (ssh -L has its own): a page whose
// name somebody's DNS resolves to this host ("DNS rebinding") says another one.
bool IsForThisHost(const HttpRequest& request);

// Whether the console's own page has sent the request: by Origin, by Sec-Fetch-Site
// where the browser says it, and as JSON, which no form can send.
bool IsFromOwnPage(const HttpRequest& request);

// The value of the cookie, or empty.
std::string CookieIn(const HttpRequest& request, const std::string& name);

}  // namespace banger::gateway
