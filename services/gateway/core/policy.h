// The one table of who may call what. Every method of every service that the
// gateway serves is in it; what is in it not is served to nobody.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/gateway/core/role.h"

namespace banger::gateway {

struct MethodPolicy {
  // "/banger.vm.v1.VmService/GetVm".
  const char* path;
  // The least role that may call it.
  Role role;
  // The field of the first request that the audit log shows: "name", "spec.name".
  // Empty: none names one thing.
  const char* resource;
};

const std::vector<MethodPolicy>& Policy();

// Null for a method that is not in the table.
const MethodPolicy* FindPolicy(absl::string_view path);

}  // namespace banger::gateway
