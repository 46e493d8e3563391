#pragma once

#include <string>

#include "services/vmd/core/network_policy.h"

namespace banger::vmd {

// Who listens where the port would: "nginx (pid 12)", or, of a program that we
// may not look into, "a program of user 'www-data'".
std::string FindPortOwner(const PublishedPort& port);

}  // namespace banger::vmd
