#include "cli/completion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace banger::cli {
namespace {

const char* KindOf(Names names) {
  switch (names) {
    case Names::kVms:
      return "vms";
    case Names::kImages:
      return "images";
    case Names::kKernels:
      return "kernels";
    case Names::kCatalogImages:
      return "catalog-images";
    case Names::kCatalogKernels:
      return "catalog-kernels";
    case Names::kNone:
      break;
  }
  return "";
}

std::vector<std::string> SplitNames(const Flag& flag) { return absl::StrSplit(flag.names, ','); }

// "vm" of "vm start", "" of "ps".
std::string NounOf(const std::string& path) {
  const std::size_t space = path.find(' ');
  return space == std::string::npos ? "" : path.substr(0, space);
}

std::string VerbOf(const std::string& path) { return path.substr(path.find(' ') + 1); }

std::vector<std::string> VerbsOf(const CommandTable& table, const std::string& noun) {
  std::vector<std::string> verbs;
  for (const auto& command : table.commands)
    if (!command->info().hidden && NounOf(command->info().path) == noun)
      verbs.push_back(VerbOf(command->info().path));
  return verbs;
}

std::vector<std::string> FirstWords(const CommandTable& table) {
  std::vector<std::string> words;
  for (const Group& group : table.groups) words.push_back(group.name);
  for (const std::string& verb : VerbsOf(table, "")) words.push_back(verb);
  return words;
}

// What completes a value, as a bash statement.
std::string BashValue(const Flag& flag) {
  if (!flag.choices.empty()) return absl::StrCat("_banger_words '", absl::StrJoin(flag.choices, " "), "'");
  if (flag.complete != Names::kNone) return absl::StrCat("_banger_names ", KindOf(flag.complete));
  if (flag.value == "PATH" || flag.value == "FILE") return "_banger_files";
  return ":";
}

std::string BashCase(Command& command) {
  Flags flags;
  command.Declare(flags);
  const std::string& path = command.info().path;
  std::vector<std::string> words = {"-h", "--help"};
  std::string text = absl::StrCat(
      "    ", NounOf(path).empty() ? absl::StrCat("'", path, " '*") : absl::StrCat("'", path, "'"),
      ")\n      case \"$prev\" in\n");
  for (const Flag& flag : flags.flags()) {
    const std::vector<std::string> names = SplitNames(flag);
    words.insert(words.end(), names.begin(), names.end());
    if (!flag.value.empty())
      absl::StrAppend(&text, "        ", absl::StrJoin(names, "|"), ") ", BashValue(flag), "; return ;;\n");
  }
  const std::string argument = flags.arguments().empty() ? ":" : BashValue(flags.arguments().front());
  absl::StrAppend(&text, "      esac\n      if [[ $cur == -* ]]; then _banger_words '",
                  absl::StrJoin(words, " "), "'; else ", argument, "; fi ;;\n");
  return text;
}

constexpr char kBashHelpers[] = R"bash(_banger_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
# As they come: the likely ones are first.
_banger_names() {
  compopt -o nosort 2>/dev/null
  COMPREPLY=($(compgen -W "$(banger __names "$1" 2>/dev/null)" -- "$cur"))
}
_banger_files() { COMPREPLY=($(compgen -f -- "$cur")); }

_banger() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i
  COMPREPLY=()
  # What follows -- is for the guest.
  for ((i = 1; i < COMP_CWORD; i++)); do [[ ${COMP_WORDS[i]} == -- ]] && return; done
)bash";

std::string FishQuote(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string FishFlag(const std::string& condition, const Flag& flag) {
  std::string text = absl::StrCat("complete -c banger -n ", condition);
  for (const std::string& name : SplitNames(flag))
    absl::StrAppend(&text, name.starts_with("--") ? " -l " : " -s ",
                    name.substr(name.find_first_not_of('-')));
  if (!flag.value.empty()) text += flag.value == "PATH" || flag.value == "FILE" ? " -r -F" : " -x";
  if (!flag.choices.empty()) absl::StrAppend(&text, " -a ", FishQuote(absl::StrJoin(flag.choices, " ")));
  if (flag.complete != Names::kNone)
    absl::StrAppend(&text, " -a '(banger __names ", KindOf(flag.complete), ")'");
  return absl::StrCat(text, " -d ", FishQuote(flag.help), "\n");
}

std::string FishCommand(Command& command) {
  Flags flags;
  command.Declare(flags);
  const std::string& path = command.info().path;
  const std::string noun = NounOf(path);
  const std::string condition =
      FishQuote(noun.empty() ? absl::StrCat("__fish_seen_subcommand_from ", path)
                             : absl::StrCat("__fish_seen_subcommand_from ", noun,
                                            "; and __fish_seen_subcommand_from ", VerbOf(path)));
  std::string text;
  for (const Flag& flag : flags.flags()) text += FishFlag(condition, flag);
  if (!flags.arguments().empty()) {
    const Flag& argument = flags.arguments().front();
    const std::string values = argument.complete != Names::kNone
                                   ? absl::StrCat("(banger __names ", KindOf(argument.complete), ")")
                                   : absl::StrJoin(argument.choices, " ");
    if (!values.empty())
      absl::StrAppend(&text, "complete -c banger -n ", condition, " -k -a ", FishQuote(values), "\n");
  }
  return text;
}

}  // namespace

std::string BashCompletion(const CommandTable& table) {
  std::string text = absl::StrCat("# bash completion for banger; made by 'banger completion bash'\n",
                                  kBashHelpers, "  if ((COMP_CWORD == 1)); then _banger_words '",
                                  absl::StrJoin(FirstWords(table), " "), " --help --version'; return; fi\n");
  for (const Group& group : table.groups)
    absl::StrAppend(&text, "  if ((COMP_CWORD == 2)) && [[ $prev == ", group.name,
                    " ]]; then _banger_words '", absl::StrJoin(VerbsOf(table, group.name), " "),
                    "'; return; fi\n");
  text += "  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n";
  for (const auto& command : table.commands)
    if (!command->info().hidden) text += BashCase(*command);
  return text + "  esac\n}\n\ncomplete -F _banger banger\n";
}

std::string ZshCompletion(const CommandTable& table) {
  return absl::StrCat("#compdef banger\nautoload -U +X compinit && compinit\n",
                      "autoload -U +X bashcompinit && bashcompinit\n\n", BashCompletion(table));
}

std::string FishCompletion(const CommandTable& table) {
  std::string text =
      "# fish completion for banger; made by 'banger completion fish'\ncomplete -c banger -f\n";
  for (const Group& group : table.groups) {
    absl::StrAppend(&text, "complete -c banger -n __fish_use_subcommand -a ", group.name, " -d ",
                    FishQuote(group.summary), "\n");
    const std::string condition = FishQuote(absl::StrCat("__fish_seen_subcommand_from ", group.name,
                                                         "; and not __fish_seen_subcommand_from ",
                                                         absl::StrJoin(VerbsOf(table, group.name), " ")));
    for (const auto& command : table.commands)
      if (NounOf(command->info().path) == group.name && !command->info().hidden)
        absl::StrAppend(&text, "complete -c banger -n ", condition, " -a ", VerbOf(command->info().path),
                        " -d ", FishQuote(command->info().summary), "\n");
  }
  for (const auto& command : table.commands) {
    if (command->info().hidden) continue;
    if (NounOf(command->info().path).empty())
      absl::StrAppend(&text, "complete -c banger -n __fish_use_subcommand -a ", command->info().path, " -d ",
                      FishQuote(command->info().summary), "\n");
    text += FishCommand(*command);
  }
  return text;
}

}  // namespace banger::cli
