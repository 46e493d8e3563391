#include "cli/help.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace banger::cli {
namespace {

// Two columns, indented by two.
std::string Columns(const Rows& rows) {
  std::size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row.first.size());
  std::string text;
  for (const auto& row : rows)
    absl::StrAppend(&text, "  ", row.first, std::string(width - row.first.size() + 2, ' '), row.second, "\n");
  return text;
}

std::string FlagLabel(const Flag& flag) {
  // Long names line up whether or not there is a short one.
  const std::string names =
      flag.names.starts_with("--")
          ? absl::StrCat("    ", flag.names)
          : absl::StrJoin({flag.names.substr(0, 2), flag.names.substr(flag.names.find(',') + 1)}, ", ");
  return flag.value.empty() ? names : absl::StrCat(names, " ", flag.value);
}

std::string FlagText(const Flag& flag) {
  std::string text = flag.help;
  if (!flag.choices.empty()) absl::StrAppend(&text, " (", absl::StrJoin(flag.choices, ", "), ")");
  if (flag.repeated && flag.names.starts_with("-")) text += "; may be repeated";
  return text;
}

Rows ArgumentRows(const Flags& flags) {
  Rows rows;
  for (const Flag& flag : flags.arguments()) rows.emplace_back(flag.names, flag.help);
  if (flags.rest().has_value()) rows.emplace_back(flags.rest()->names, flags.rest()->help);
  return rows;
}

Rows CommandRows(const CommandTable& table, const std::string& group) {
  Rows rows;
  for (const auto& command : table.commands) {
    const CommandInfo& info = command->info();
    const std::size_t space = info.path.find(' ');
    const std::string noun = space == std::string::npos ? "" : info.path.substr(0, space);
    if (!info.hidden && noun == group) rows.emplace_back(info.path.substr(space + 1), info.summary);
  }
  return rows;
}

Rows ExampleRows(const Command& command) {
  Rows rows;
  for (const Example& example : command.info().examples) rows.emplace_back(example.line, example.what);
  return rows;
}

}  // namespace

Rows FlagRows(const Flags& flags) {
  Rows rows;
  for (const Flag& flag : flags.flags()) rows.emplace_back(FlagLabel(flag), FlagText(flag));
  rows.emplace_back("-h, --help", "this text");
  return rows;
}

std::string OverviewHelp(const CommandTable& table) {
  Rows nouns;
  for (const Group& group : table.groups) nouns.emplace_back(group.name, group.summary);
  return absl::StrCat(
      "banger gives you a private Linux microVM in one command.\n\n",
      Columns({{"banger vm run", "a shell in a fresh VM"},
               {"banger vm run --rm -- CMD", "run a command in one, then delete it"}}),
      "\nNouns:\n", Columns(nouns), "\nOther commands:\n", Columns(CommandRows(table, "")), "\nEverywhere:\n",
      Columns({{"--context NAME", "speak to the gateway of another host: 'banger context'"}}),
      "\n'banger NOUN' says what a noun is for, 'banger NOUN VERB --help' explains a command.\n");
}

std::string GroupHelp(const CommandTable& table, const Group& group) {
  return absl::StrCat("banger ", group.name, ": ", group.summary, "\n\nMost used:\n",
                      Columns({{group.most_used.line, group.most_used.what}}), "Next:\n",
                      Columns({{group.next.line, group.next.what}}), "\nCommands:\n",
                      Columns(CommandRows(table, group.name)), "\n'banger ", group.name,
                      " VERB --help' explains a command.\n");
}

std::string UsageLine(const Command& command, const Flags& flags) {
  std::string line = absl::StrCat("banger ", command.info().path);
  if (!flags.flags().empty()) line += " [FLAGS]";
  for (const Flag& flag : flags.arguments()) {
    const std::string name = absl::StrCat(flag.names, flag.repeated ? "..." : "");
    absl::StrAppend(&line, " ", flag.required ? name : absl::StrCat("[", name, "]"));
  }
  if (flags.rest().has_value()) absl::StrAppend(&line, " [-- ", flags.rest()->names, "]");
  return line;
}

std::string CommandHelp(Command& command) {
  Flags flags;
  command.Declare(flags);
  const CommandInfo& info = command.info();
  std::string text = absl::StrCat(info.summary, "\n\nUsage: ", UsageLine(command, flags), "\n");
  if (!info.description.empty()) absl::StrAppend(&text, "\n", info.description, "\n");
  if (const Rows rows = ArgumentRows(flags); !rows.empty())
    absl::StrAppend(&text, "\nArguments:\n", Columns(rows));
  absl::StrAppend(&text, "\nFlags:\n", Columns(FlagRows(flags)));
  if (!info.examples.empty()) absl::StrAppend(&text, "\nExamples:\n", Columns(ExampleRows(command)));
  return text;
}

std::string MarkdownReference(const CommandTable& table) {
  std::string text = absl::StrCat(
      "# The `banger` command\n\nMade from the command table by `cli_test`; do not edit.\n\n```\n",
      OverviewHelp(table), "```\n\nExit codes: ", kExitCodes, "\n");
  for (const Group& group : table.groups)
    absl::StrAppend(&text, "\n## banger ", group.name, "\n\n```\n", GroupHelp(table, group), "```\n");
  text += "\n## Commands\n";
  for (const auto& command : table.commands)
    if (!command->info().hidden)
      absl::StrAppend(&text, "\n### banger ", command->info().path, "\n\n```\n", CommandHelp(*command),
                      "```\n");
  return text;
}

}  // namespace banger::cli
