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
    case Names::kVmPaths:
      return "vms";
    case Names::kImages:
      return "images";
    case Names::kKernels:
      return "kernels";
    case Names::kCatalogImages:
      return "catalog-images";
    case Names::kCatalogKernels:
      return "catalog-kernels";
    case Names::kContexts:
      return "contexts";
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

// The names of those that take a value, as separate words.
std::string NamesWithValue(const Flags& flags) {
  std::vector<std::string> names;
  for (const Flag& flag : flags.flags())
    for (const std::string& name : SplitNames(flag))
      if (!flag.value.empty()) names.push_back(name);
  return absl::StrJoin(names, " ");
}

// Where the arguments of a command begin, when "banger" is word 0.
int FirstArgument(const std::string& path) { return NounOf(path).empty() ? 2 : 3; }

// What completes a value, as a bash statement.
std::string BashValue(const Flag& flag) {
  if (flag.complete == Names::kVmPaths) return "_banger_paths";
  if (!flag.choices.empty()) return absl::StrCat("_banger_words '", absl::StrJoin(flag.choices, " "), "'");
  if (flag.complete != Names::kNone) return absl::StrCat("_banger_names ", KindOf(flag.complete));
  if (flag.value == "PATH" || flag.value == "FILE") return "_banger_files";
  return ":";
}

// Of several arguments that which stands there; what follows the last is as the last.
std::string BashArgument(const std::string& path, const Flags& flags) {
  const std::vector<Flag>& arguments = flags.arguments();
  if (arguments.empty()) return ":";
  if (arguments.size() == 1) return BashValue(arguments.front());
  std::string text = absl::StrCat("_banger_position ", FirstArgument(path), " '", NamesWithValue(flags),
                                  "'; case $position in ");
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i)
    absl::StrAppend(&text, i, ") ", BashValue(arguments[i]), " ;; ");
  return absl::StrCat(text, "*) ", BashValue(arguments.back()), " ;; esac");
}

std::string BashCase(Command& command) {
  Flags flags;
  command.Declare(flags);
  const std::string& path = command.info().path;
  std::vector<std::string> words = {"-h", "--help", "--context"};
  std::string text = absl::StrCat(
      "    ", NounOf(path).empty() ? absl::StrCat("'", path, " '*") : absl::StrCat("'", path, "'"),
      ")\n      case \"$prev\" in\n");
  for (const Flag& flag : flags.flags()) {
    const std::vector<std::string> names = SplitNames(flag);
    words.insert(words.end(), names.begin(), names.end());
    if (!flag.value.empty())
      absl::StrAppend(&text, "        ", absl::StrJoin(names, "|"), ") ", BashValue(flag), "; return ;;\n");
  }
  absl::StrAppend(&text, "      esac\n      if [[ $cur == -* ]]; then _banger_words '",
                  absl::StrJoin(words, " "), "'; else ", BashArgument(path, flags), "; fi ;;\n");
  return text;
}

constexpr char kBashHelpers[] =
    R"bash(_banger_live() { BANGER_CONTEXT=${context:-$BANGER_CONTEXT} banger __names "$1" 2>/dev/null; }
_banger_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
# As they come: the likely ones are first.
_banger_names() {
  compopt -o nosort 2>/dev/null
  COMPREPLY=($(compgen -W "$(_banger_live "$1")" -- "$cur"))
}
_banger_files() {
  COMPREPLY=($(compgen -f -- "$cur"))
  _banger_go_on
}
# VM: or a file of this machine; what follows the colon is the guest's.
_banger_paths() {
  [[ ${COMP_LINE:0:COMP_POINT} == *:"$cur" ]] && return
  COMPREPLY=($(compgen -S : -W "$(_banger_live vms)" -- "$cur") $(compgen -f -- "$cur"))
  _banger_go_on
}
# The one that is left is no whole word yet where a path can follow.
_banger_go_on() {
  ((${#COMPREPLY[@]} == 1)) || return
  [[ -d ${COMPREPLY[0]} ]] && COMPREPLY[0]+=/
  [[ ${COMPREPLY[0]} == *[:/] ]] && compopt -o nospace 2>/dev/null
}
# Counts the arguments between word $1 and this one; $2 are the flags with a value.
# Bash takes words apart at ':' and '='.
_banger_position() {
  local i skip=0
  position=0
  for ((i = $1; i < at; i++)); do
    if [[ ${typed[i]} == [:=] ]]; then skip=1
    elif ((skip)); then skip=0
    elif [[ ${typed[i]} != -* ]]; then position=$((position + 1))
    elif [[ " $2 " == *" ${typed[i]} "* ]]; then skip=1; fi
  done
}

_banger() {
  local cur=${COMP_WORDS[COMP_CWORD]} typed=() context= at prev i position
  COMPREPLY=()
  # --context may stand anywhere, and is for all that is asked; what follows -- is for
  # the guest.
  for ((i = 0; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} == -- ]]; then return
    elif [[ ${COMP_WORDS[i]} != --context ]]; then typed+=("${COMP_WORDS[i]}")
    else
      if [[ ${COMP_WORDS[i+1]} == = ]]; then i=$((i + 1)); fi
      i=$((i + 1))
      if ((i >= COMP_CWORD)); then cur=${cur#=}; _banger_names contexts; return; fi
      context=${COMP_WORDS[i]}
    fi
  done
  at=${#typed[@]} prev=${typed[at-1]}
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
    absl::StrAppend(&text, " -a '(__banger_names ", KindOf(flag.complete), ")'");
  return absl::StrCat(text, " -d ", FishQuote(flag.help), "\n");
}

std::string FishArgument(const std::string& condition, const Flag& argument) {
  const std::string begin = absl::StrCat("complete -c banger -n ", FishQuote(condition));
  if (argument.complete == Names::kVmPaths)
    return absl::StrCat(begin, " -F -a ", FishQuote("(__banger_names vms | string replace -r '$' ':')"),
                        "\n");
  if (argument.value == "PATH" || argument.value == "FILE") return absl::StrCat(begin, " -F\n");
  const std::string values = argument.complete != Names::kNone
                                 ? absl::StrCat("(__banger_names ", KindOf(argument.complete), ")")
                                 : absl::StrJoin(argument.choices, " ");
  return values.empty() ? "" : absl::StrCat(begin, " -k -a ", FishQuote(values), "\n");
}

std::string FishCommand(Command& command) {
  Flags flags;
  command.Declare(flags);
  const std::string& path = command.info().path;
  const std::string noun = NounOf(path);
  const std::string seen = noun.empty() ? absl::StrCat("__fish_seen_subcommand_from ", path)
                                        : absl::StrCat("__fish_seen_subcommand_from ", noun,
                                                       "; and __fish_seen_subcommand_from ", VerbOf(path));
  std::string text;
  for (const Flag& flag : flags.flags()) text += FishFlag(FishQuote(seen), flag);
  const std::vector<Flag>& arguments = flags.arguments();
  const std::string position =
      absl::StrCat("; and test (__banger_position ", FirstArgument(path), " ", NamesWithValue(flags), ") ");
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool last = i + 1 == arguments.size();
    const std::string here = arguments.size() == 1 ? "" : absl::StrCat(position, last ? "-ge " : "-eq ", i);
    text += FishArgument(seen + here, arguments[i]);
  }
  return text;
}

constexpr char kFishHelpers[] =
    R"fish(# The words before this one, without --context and its name.
function __banger_typed
    set -l skip 0
    for word in (commandline -opc)
        if test $skip = 1
            set skip 0
        else if test "$word" = --context
            set skip 1
        else if not string match -q -- '--context=*' $word
            printf '%s\n' $word
        end
    end
end
function __banger_first
    test (count (string match -v -- '-*' (__banger_typed))) -le 1
end
# Live names of the context that is given.
function __banger_names
    set -l context $BANGER_CONTEXT
    set -l words (commandline -opc)
    for i in (seq (count $words))
        if test "$words[$i]" = --context
            set context $words[(math $i + 1)]
        else if string match -q -- '--context=*' $words[$i]
            set context (string replace -- --context= '' $words[$i])
        end
    end
    set -lx BANGER_CONTEXT $context
    banger __names $argv[1]
end
# Counts the arguments between a word and this one; flags with a value follow.
function __banger_position
    set -l words (__banger_typed)
    set -l first (math $argv[1] + 1)
    set -e argv[1]
    set -l skip 0
    set -l position 0
    for i in (seq $first (count $words))
        if test $skip = 1
            set skip 0
        else if contains -- $words[$i] $argv
            set skip 1
        else if not string match -q -- '-*' $words[$i]
            set position (math $position + 1)
        end
    end
    echo $position
end
)fish";

}  // namespace

std::string BashCompletion(const CommandTable& table) {
  std::string text =
      absl::StrCat("# bash completion for banger; made by 'banger completion bash'\n", kBashHelpers,
                   "  if ((at == 1)); then _banger_words '", absl::StrJoin(FirstWords(table), " "),
                   " --help --version --context'; return; fi\n");
  for (const Group& group : table.groups)
    absl::StrAppend(&text, "  if ((at == 2)) && [[ $prev == ", group.name, " ]]; then _banger_words '",
                    absl::StrJoin(VerbsOf(table, group.name), " "), "'; return; fi\n");
  text += "  case \"${typed[1]} ${typed[2]-$cur}\" in\n";
  for (const auto& command : table.commands)
    if (!command->info().hidden) text += BashCase(*command);
  return text + "  esac\n}\n\ncomplete -F _banger banger\n";
}

std::string ZshCompletion(const CommandTable& table) {
  return absl::StrCat(
      "#compdef banger\n(( $+functions[compdef] )) || { autoload -U +X compinit && compinit; }\n",
      "autoload -U +X bashcompinit && bashcompinit\n\n", BashCompletion(table),
      "# A shell that found this file by itself asks for its first completion right now.\n",
      "[[ $funcstack[1] == _banger ]] && _bash_complete -F _banger\n");
}

std::string FishCompletion(const CommandTable& table) {
  std::string text =
      absl::StrCat("# fish completion for banger; made by 'banger completion fish'\n", kFishHelpers,
                   "complete -c banger -f\n"
                   "complete -c banger -l context -x -a '(__banger_names contexts)' "
                   "-d 'speak to the gateway of another host'\n");
  for (const Group& group : table.groups) {
    absl::StrAppend(&text, "complete -c banger -n __banger_first -a ", group.name, " -d ",
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
      absl::StrAppend(&text, "complete -c banger -n __banger_first -a ", command->info().path, " -d ",
                      FishQuote(command->info().summary), "\n");
    text += FishCommand(*command);
  }
  return text;
}

}  // namespace banger::cli
