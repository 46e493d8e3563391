#pragma once

#include "common/config/paths.h"

namespace banger {

// The system's layout, whoever asks.
Paths SystemPaths();

}  // namespace banger
