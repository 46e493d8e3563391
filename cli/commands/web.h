// `banger web`.
#pragma once

#include <memory>

#include "cli/command.h"

namespace banger::cli {

std::unique_ptr<Command> Web();

}  // namespace banger::cli
