#include "cli/app.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/client.h"
#include "cli/errors.h"
#include "cli/help.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "cli/parse.h"
#include "cli/remote/contexts.h"
#include "cli/signals.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/status/utf8.h"
#include "common/version/version.h"

namespace banger::cli {
namespace {

// How many letters are wrong, missing, too many or swapped with their neighbour.
std::size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({replaced, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

// The words that may follow `group` ("" for the first one).
std::vector<std::string> Candidates(const CommandTable& table, const std::string& group) {
  std::vector<std::string> words;
  if (group.empty())
    for (const Group& noun : table.groups) words.push_back(noun.name);
  const std::string prefix = group.empty() ? "" : group + " ";
  for (const auto& command : table.commands) {
    const std::string& path = command->info().path;
    if (!command->info().hidden && path.starts_with(prefix) &&
        path.find(' ', prefix.size()) == std::string::npos)
      words.push_back(path.substr(prefix.size()));
  }
  return words;
}

absl::Status UnknownCommand(const CommandTable& table, const std::string& group, const std::string& word) {
  const std::string what = group.empty() ? word : absl::StrCat(group, " ", word);
  const std::string near = Nearest(word, Candidates(table, group));
  const std::string parent = group.empty() ? "banger" : absl::StrCat("banger ", group);
  if (word.starts_with('-'))
    return UsageError(absl::StrCat("unknown flag '", word, "'; try '", parent, " --help'"));
  return UsageError(absl::StrCat("unknown command '", what, "'; ",
                                 near.empty() ? absl::StrCat("see '", parent, "'")
                                              : absl::StrCat("did you mean '", parent, " ", near, "'?")));
}

bool AsksHelp(const std::string& word) { return word == "--help" || word == "-h" || word == "help"; }

struct Found {
  Command* command = nullptr;
  const Group* group = nullptr;
  std::size_t words = 0;  // that named it
};

absl::StatusOr<Found> FindCommand(const CommandTable& table, const std::vector<std::string>& words) {
  if (words.empty()) return Found{};
  if (Command* command = table.Find(words[0]); command != nullptr)
    return Found{.command = command, .words = 1};
  const Group* group = table.FindGroup(words[0]);
  if (group == nullptr) return UnknownCommand(table, "", words[0]);
  if (words.size() == 1 || AsksHelp(words[1])) return Found{.group = group};
  Command* command = table.Find(absl::StrCat(words[0], " ", words[1]));
  if (command == nullptr) return UnknownCommand(table, words[0], words[1]);
  return Found{.command = command, .words = 2};
}

// "--context NAME" may stand anywhere before "--".
absl::Status TakeContext(std::vector<std::string>& words) {
  constexpr absl::string_view kFlag = "--context";
  bool taken = false;
  for (auto word = words.begin(); word != words.end() && *word != "--";) {
    const bool with_equals = absl::StartsWith(*word, absl::StrCat(kFlag, "="));
    if (*word != kFlag && !with_equals) {
      ++word;
      continue;
    }
    if (taken) return UsageError("--context is given more than once");
    taken = true;
    const auto value = with_equals ? word : word + 1;
    const std::string name = value == words.end() ? ""
                             : with_equals        ? word->substr(kFlag.size() + 1)
                                                  : *value;
    if (name.empty()) return UsageError("--context wants the name of a context; see 'banger context list'");
    ChooseContext(name);
    word = words.erase(word, value + 1);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Run(const CommandTable& table, std::vector<std::string> words, Context& context) {
  // Words go over the wire as protobuf strings.
  for (const std::string& word : words)
    if (!IsUtf8(word)) return UsageError(absl::StrCat("'", word, "' is not valid UTF-8"));
  BANGER_RETURN_IF_ERROR(TakeContext(words));
  // "banger help vm run" as well.
  if (words.size() > 1 && words[0] == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  if (!words.empty() && words[0] == "--version") {
    const BuildInfo& build = GetBuildInfo();
    BANGER_RETURN_IF_ERROR(WriteStdout(absl::StrCat("banger ", build.version, " (", build.commit, ")\n")));
    return kExitOk;
  }
  Found found;
  if (!words.empty() && !AsksHelp(words[0])) {
    BANGER_ASSIGN_OR_RETURN(found, FindCommand(table, words));
  }
  if (found.command == nullptr) {
    BANGER_RETURN_IF_ERROR(
        WriteStdout(found.group != nullptr ? GroupHelp(table, *found.group) : OverviewHelp(table)));
    return kExitOk;
  }
  Flags flags;
  found.command->Declare(flags);
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(found.words));
  const absl::StatusOr<Parsed> parsed = ParseArguments(*found.command, flags, std::move(words));
  if (!parsed.ok()) {
    const std::string& path = found.command->info().path;
    return UsageError(
        absl::StrCat(path, ": ", parsed.status().message(), "; try 'banger ", path, " --help'"));
  }
  if (parsed->help) {
    BANGER_RETURN_IF_ERROR(WriteStdout(CommandHelp(*found.command)));
    return kExitOk;
  }
  return found.command->Run(context);
}

}  // namespace

const Group* CommandTable::FindGroup(const std::string& name) const {
  for (const Group& group : groups)
    if (group.name == name) return &group;
  return nullptr;
}

Command* CommandTable::Find(const std::string& path) const {
  for (const auto& command : commands)
    if (command->info().path == path) return command.get();
  return nullptr;
}

std::string Nearest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string nearest;
  // More than a third of the letters wrong is another word.
  std::size_t best = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

int RunApp(const CommandTable& table, const std::vector<std::string>& words) {
  Signals signals;
  Client client(signals.stop());
  Context context{.client = client, .signals = signals};
  const absl::StatusOr<int> result = Run(table, words, context);
  if (result.ok()) return *result;
  WriteStderr(FormatError(result.status(), client.request_id(), ColorStderr())).IgnoreError();
  return ExitCodeOf(result.status());
}

}  // namespace banger::cli
