// Every error of the gateway's own; what daemons answer passes unchanged.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace banger::gateway {

// `why` names the socket.
inline absl::Status DaemonUnavailable(const std::string& daemon, const std::string& why) {
  return ApiError(absl::StatusCode::kUnavailable, "DAEMON_UNAVAILABLE", why, {{"daemon", daemon}});
}

inline absl::Status UnknownService(const std::string& path) {
  return ApiError(absl::StatusCode::kUnimplemented, "SERVICE_UNKNOWN",
                  absl::StrCat("no service serves method '", path, "'"), {{"method", path}});
}

inline absl::Status RoleTooLow(const std::string& method, const std::string& needed,
                               const std::string& client, const std::string& role) {
  return ApiError(absl::StatusCode::kPermissionDenied, "ROLE_TOO_LOW",
                  absl::StrCat(method, " needs the role ", needed, "; '", client, "' has ",
                               role == "none" ? "none" : absl::StrCat("only ", role)),
                  {{"method", method}, {"needed", needed}, {"client", client}, {"role", role}});
}

inline absl::Status ConsoleOff() {
  return ApiError(absl::StatusCode::kFailedPrecondition, "CONSOLE_OFF",
                  "the web console is off: set web_listen_addr in the configuration, as "
                  "\"127.0.0.1:7480\", and restart banger-gateway");
}

}  // namespace banger::gateway
