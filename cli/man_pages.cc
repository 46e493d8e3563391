#include "cli/man_pages.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/help.h"
#include "common/version/version.h"

namespace banger::cli {
namespace {

// A line of text that stays as it is: no escapes, no requests, and hyphens that can be
// copied into a shell.
std::string Plain(absl::string_view line) {
  const std::string text = absl::StrReplaceAll(
      line, {{"\\", "\\e"}, {"-", "\\-"}, {"^", "\\(ha"}, {"~", "\\(ti"}, {"`", "\\(ga"}, {"\"", "\\(dq"}});
  return text.starts_with('.') || text.starts_with('\'') ? "\\&" + text : text;
}

std::string NameOf(const std::string& path) {
  return absl::StrCat("banger", path.empty() ? "" : "-", absl::StrReplaceAll(path, {{" ", "-"}}));
}

std::string Begin(const std::string& path, const std::string& summary) {
  const BuildInfo& build = GetBuildInfo();
  const std::string date = std::string(build.time).substr(0, 10);
  return absl::StrCat(".\\\" Made from the command table; do not edit.\n.TH ", Plain(NameOf(path)), " 1 \"",
                      date, "\" \"banger ", build.version, "\" \"banger\"\n.SH NAME\n", Plain(NameOf(path)),
                      " \\- ", Plain(summary), "\n");
}

// Paragraphs are filled; indented lines stay lines.
std::string Prose(const std::string& text) {
  std::string out;
  bool verbatim = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const bool indented = absl::StartsWith(line, " ");
    if (indented != verbatim) out += indented ? ".PP\n.nf\n" : ".fi\n";
    verbatim = indented;
    absl::StrAppend(&out, line.empty() ? ".PP" : Plain(line), "\n");
  }
  return verbatim ? out + ".fi\n" : out;
}

std::string Entry(const std::string& term, const std::string& text) {
  return absl::StrCat(".TP\n.B ", Plain(term), "\n", Plain(text), "\n");
}

std::string Examples(const std::vector<Example>& examples) {
  std::string text = examples.empty() ? "" : ".SH EXAMPLES\n";
  for (const Example& example : examples) text += Entry(example.line, example.what);
  return text;
}

// "banger-vm(1), banger(1)"
std::string SeeAlso(const std::vector<std::string>& paths) {
  return absl::StrCat(".SH SEE ALSO\n",
                      absl::StrJoin(paths, ",\n",
                                    [](std::string* out, const std::string& path) {
                                      absl::StrAppend(out, ".BR ", Plain(NameOf(path)), " (1)");
                                    }),
                      "\n");
}

std::string NounOf(const std::string& path) {
  const std::size_t space = path.find(' ');
  return space == std::string::npos ? "" : path.substr(0, space);
}

// Each verb of a noun, or what has none, with its page.
std::string Verbs(const CommandTable& table, const std::string& noun) {
  std::string text;
  for (const auto& command : table.commands)
    if (const CommandInfo& info = command->info(); !info.hidden && NounOf(info.path) == noun)
      absl::StrAppend(&text, ".TP\n.BR ", Plain(NameOf(info.path)), " (1)\n", Plain(info.summary), "\n");
  return text;
}

ManPage Overview(const CommandTable& table) {
  std::string text = absl::StrCat(Begin("", "a private Linux microVM in one command"),
                                  ".SH SYNOPSIS\n.B banger\n.I NOUN VERB\n[FLAGS] [ARGUMENTS]\n.SH NOUNS\n");
  for (const Group& group : table.groups)
    absl::StrAppend(&text, ".TP\n.BR ", Plain(NameOf(group.name)), " (1)\n", Plain(group.summary), "\n");
  return {NameOf(""), absl::StrCat(text, ".SH OTHER COMMANDS\n", Verbs(table, ""), ".SH EXIT STATUS\n",
                                   Plain(kExitCodes), "\n")};
}

ManPage GroupPage(const CommandTable& table, const Group& group) {
  return {NameOf(group.name),
          absl::StrCat(Begin(group.name, group.summary), ".SH SYNOPSIS\n.B banger ", group.name,
                       "\n.I VERB\n[FLAGS] [ARGUMENTS]\n.SH COMMANDS\n", Verbs(table, group.name),
                       Examples({group.most_used, group.next}), SeeAlso({""}))};
}

ManPage CommandPage(Command& command) {
  Flags flags;
  command.Declare(flags);
  const CommandInfo& info = command.info();
  std::string text = absl::StrCat(
      Begin(info.path, info.summary), ".SH SYNOPSIS\n.B ", Plain(UsageLine(command, flags)),
      "\n.SH DESCRIPTION\n",
      info.description.empty() ? absl::StrCat(Plain(info.summary), ".\n") : Prose(info.description));
  std::string arguments;
  for (const Flag& argument : flags.arguments()) arguments += Entry(argument.names, argument.help);
  if (flags.rest().has_value()) arguments += Entry(flags.rest()->names, flags.rest()->help);
  if (!arguments.empty()) absl::StrAppend(&text, ".SH ARGUMENTS\n", arguments);
  text += ".SH OPTIONS\n";
  for (const auto& [label, what] : FlagRows(flags))
    text += Entry(std::string(absl::StripAsciiWhitespace(label)), what);
  return {NameOf(info.path),
          absl::StrCat(text, Examples(info.examples),
                       SeeAlso(NounOf(info.path).empty() ? std::vector<std::string>{""}
                                                         : std::vector<std::string>{NounOf(info.path), ""}))};
}

}  // namespace

std::vector<ManPage> ManPages(const CommandTable& table) {
  std::vector<ManPage> pages = {Overview(table)};
  for (const Group& group : table.groups) pages.push_back(GroupPage(table, group));
  for (const auto& command : table.commands)
    if (!command->info().hidden) pages.push_back(CommandPage(*command));
  return pages;
}

}  // namespace banger::cli
