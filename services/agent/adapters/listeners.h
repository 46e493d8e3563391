#pragma once

#include <vector>

#include "services/agent/core/listeners.h"

namespace banger::agent {

// Who listens in this network namespace, with a process that has each socket.
std::vector<Listener> FindListeners();

}  // namespace banger::agent
