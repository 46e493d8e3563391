// Resource names: "endpoints/ID".
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/netd/core/endpoint.h"
#include "services/netd/errors.h"

namespace banger::netd {

inline constexpr char kEndpointCollection[] = "endpoints/";

inline std::string EndpointName(const std::string& id) { return absl::StrCat(kEndpointCollection, id); }

// The id in a name; ENDPOINT_ID_INVALID when it is no such name.
inline absl::StatusOr<std::string> EndpointId(const std::string& name) {
  if (!absl::StartsWith(name, kEndpointCollection)) return EndpointNameInvalid(name);
  std::string id = name.substr(sizeof kEndpointCollection - 1);
  if (const absl::Status valid = CheckEndpointId(id); !valid.ok()) return valid;
  return id;
}

}  // namespace banger::netd
