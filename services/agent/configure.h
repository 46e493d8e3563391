#pragma once

#include "banger/guest/v1/guest_service.pb.h"

namespace banger::agent {

// Does all that it can; what failed comes back as warnings.
guest::v1::ConfigureResponse Configure(const guest::v1::ConfigureRequest& request);

}  // namespace banger::agent
