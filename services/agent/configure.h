#pragma once

#include "banger/guest/v1/guest_service.pb.h"
#include "services/agent/core/exec_defaults.h"

namespace banger::agent {

// Does all that it can; what failed comes back as warnings.
guest::v1::ConfigureResponse Configure(const guest::v1::ConfigureRequest& request);

// What can be used of the image's config; the rest is a warning of `response`.
ExecDefaults ReadExecDefaults(const guest::v1::ExecDefaults& image, guest::v1::ConfigureResponse& response);

}  // namespace banger::agent
