#include "cli/remote/address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace banger::cli {
namespace {

bool IsPort(const std::string& text) {
  int port = 0;
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit) && absl::SimpleAtoi(text, &port) &&
         port > 0 && port <= 65535;
}

bool IsIpv6(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool IsNameOrIpv4(const std::string& text) {
  const auto fits = [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), fits);
}

}  // namespace

std::optional<HostAndPort> ParseAddress(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = address.substr(0, colon);
  std::string port = address.substr(colon + 1);
  if (!IsPort(port)) return std::nullopt;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (!IsIpv6(host)) return std::nullopt;
  } else if (!IsNameOrIpv4(host)) {
    return std::nullopt;
  }
  return HostAndPort{.host = std::move(host), .port = std::move(port)};
}

std::string GrpcTarget(const HostAndPort& at) {
  const bool brackets = at.host.find(':') != std::string::npos;
  return absl::StrCat("dns:///", brackets ? "%5B" : "", at.host, brackets ? "%5D" : "", ":", at.port);
}

}  // namespace banger::cli
