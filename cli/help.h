// The texts that explain the commands, all from the command table.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"

namespace banger::cli {

// Two columns.
using Rows = std::vector<std::pair<std::string, std::string>>;

inline constexpr char kExitCodes[] =
    "0 ok, 1 failed, 2 usage, 3 not found, 4 daemon unreachable, 130 interrupted, 141 nobody reads our "
    "output; `vm run` and `vm exec` give the command's own.";

// What banger is, and its commands.
std::string OverviewHelp(const CommandTable& table);

// What a noun is for, its most used command, what comes next, its commands.
std::string GroupHelp(const CommandTable& table, const Group& group);

std::string CommandHelp(Command& command);

// "banger vm start [FLAGS] VM...".
std::string UsageLine(const Command& command, const Flags& flags);

// Each flag, and --help: how it is written, what it does.
Rows FlagRows(const Flags& flags);

// docs/cli.md.
std::string MarkdownReference(const CommandTable& table);

}  // namespace banger::cli
