#include "cli/commands/context_json.h"

#include <string>

#include "absl/time/time.h"
#include "cli/remote/certificate.h"

namespace banger::cli {

nlohmann::json ContextJson(const RemoteContext& remote) {
  nlohmann::json entry = {{"name", remote.name},
                          {"address", remote.address},
                          {"ca", remote.ca},
                          {"cert", remote.cert},
                          {"key", remote.key}};
  if (const auto expiry = ExpiryOf(remote.cert); expiry.ok()) {
    entry["certificateExpireTime"] =
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromChrono(*expiry), absl::UTCTimeZone());
  } else {
    entry["certificateProblem"] = std::string(expiry.status().message());
  }
  return entry;
}

}  // namespace banger::cli
