// `banger context`: the gateways of other hosts that this user knows.
#pragma once

#include <memory>

#include "cli/command.h"

namespace banger::cli {

std::unique_ptr<Command> ContextAdd();
std::unique_ptr<Command> ContextList();
std::unique_ptr<Command> ContextRm();
std::unique_ptr<Command> ContextShow();
std::unique_ptr<Command> ContextUse();

}  // namespace banger::cli
