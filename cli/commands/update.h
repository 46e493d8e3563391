// `banger update`.
#pragma once

#include <memory>

#include "cli/command.h"

namespace banger::cli {

std::unique_ptr<Command> Update();

}  // namespace banger::cli
