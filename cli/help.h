// The texts that explain the commands, all from the command table.
#pragma once

#include <string>

#include "cli/command.h"

namespace banger::cli {

// What banger is, and its commands.
std::string OverviewHelp(const CommandTable& table);

// What a noun is for, its most used command, what comes next, its commands.
std::string GroupHelp(const CommandTable& table, const Group& group);

std::string CommandHelp(Command& command);

// "banger vm start [FLAGS] VM...".
std::string UsageLine(const Command& command, const Flags& flags);

// docs/cli.md.
std::string MarkdownReference(const CommandTable& table);

}  // namespace banger::cli
