// Guests that kill their own agent when they are told to, from outside and without it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {

// Debian with systemd, in which whoever connects to a port ends the agent. Needs netd,
// as guests have no address else.
absl::Status ImportArmedImage(const Instance& instance, const std::string& name);

// Ends the agents of all guests that run and are that far; how many.
int KillAgents();

}  // namespace banger::e2e
