#pragma once

#include <nlohmann/json.hpp>

#include "cli/remote/contexts.h"

namespace banger::cli {

// Its files, and until when its certificate holds or what is wrong with that.
nlohmann::json ContextJson(const RemoteContext& remote);

}  // namespace banger::cli
