// The only file that includes CLI11: it costs five seconds to compile.
#include "cli/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/errors.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

// What CLI11 found for one flag or argument.
struct Found {
  const Flag* flag = nullptr;
  std::vector<std::string> values;
  CLI::Option* option = nullptr;
};

void Add(CLI::App& app, Found& found, bool argument) {
  const Flag& flag = *found.flag;
  if (flag.value.empty()) {
    found.option = app.add_flag(flag.names);
    return;
  }
  found.option = app.add_option(argument ? absl::AsciiStrToLower(flag.names) : flag.names, found.values);
  // One value for each time it is given, so that nothing else is swallowed.
  if (flag.repeated && argument) {
    found.option->expected(1, -1);
  } else {
    found.option->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
}

absl::Status Apply(const Found& found) {
  const Flag& flag = *found.flag;
  const std::size_t count = flag.value.empty() ? found.option->count() : found.values.size();
  if (count > 1 && !flag.repeated) return UsageError(absl::StrCat(flag.names, " is given more than once"));
  const std::vector<std::string> values = flag.value.empty() ? std::vector<std::string>(count) : found.values;
  for (const std::string& value : values) {
    if (!flag.choices.empty() &&
        std::find(flag.choices.begin(), flag.choices.end(), value) == flag.choices.end())
      return UsageError(
          absl::StrCat(flag.names, ": '", value, "' is not one of ", absl::StrJoin(flag.choices, ", ")));
    if (const absl::Status status = flag.set(value); !status.ok())
      return UsageError(absl::StrCat(flag.names, ": ", status.message()));
  }
  return absl::OkStatus();
}

// CLI11 names what is left over; the rest of its errors read well as they are.
absl::Status Explain(const CLI::Error& error, const CLI::App& app, const Flags& flags) {
  const std::vector<std::string> extra = app.remaining();
  if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::ExtrasError) || extra.empty())
    return UsageError(error.what());
  // CLI11 keeps them last first when they come from an error.
  const std::string& word = extra.front();
  if (word.size() > 1 && word.starts_with('-')) return UsageError(absl::StrCat("unknown flag '", word, "'"));
  if (flags.rest().has_value())
    return UsageError(absl::StrCat("unexpected '", word, "'; put the command after '--'"));
  return UsageError(absl::StrCat("unexpected argument '", word, "'"));
}

// Takes what follows "--" away from the words.
std::vector<std::string> SplitRest(std::vector<std::string>& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  if (dashes == words.end()) return {};
  std::vector<std::string> rest(dashes + 1, words.end());
  words.erase(dashes, words.end());
  return rest;
}

absl::Status CheckArguments(const std::deque<Found>& all) {
  for (const Found& found : all)
    if (found.flag->required && found.values.empty())
      return UsageError(absl::StrCat(found.flag->names, " is missing"));
  return absl::OkStatus();
}

// CLI11 takes "--rm=false" for --rm.
absl::Status CheckSwitches(const Flags& flags, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string::npos) continue;
    const std::string name = word.substr(0, equals);
    for (const Flag& flag : flags.flags()) {
      const std::vector<std::string> names = absl::StrSplit(flag.names, ',');
      if (flag.value.empty() && std::find(names.begin(), names.end(), name) != names.end())
        return UsageError(
            absl::StrCat(name, " takes no value, but is given '", word.substr(equals + 1), "'"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Parsed> ParseArguments(const Command& command, const Flags& flags,
                                      std::vector<std::string> words) {
  CLI::App app(command.info().summary, command.info().path);
  bool help = false;
  app.set_help_flag();
  app.add_flag("-h,--help", help);
  app.allow_windows_style_options(false);
  std::deque<Found> all;  // CLI11 keeps references
  for (const Flag& flag : flags.flags()) Add(app, all.emplace_back(Found{.flag = &flag}), false);
  for (const Flag& flag : flags.arguments()) Add(app, all.emplace_back(Found{.flag = &flag}), true);

  std::vector<std::string> rest;
  if (flags.rest().has_value()) rest = SplitRest(words);
  const absl::Status switches = CheckSwitches(flags, words);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(std::move(words));
  } catch (const CLI::Error& error) {
    if (help) return Parsed{.help = true};
    return Explain(error, app, flags);
  }
  if (help) return Parsed{.help = true};
  BANGER_RETURN_IF_ERROR(switches);
  BANGER_RETURN_IF_ERROR(CheckArguments(all));
  for (const Found& found : all) BANGER_RETURN_IF_ERROR(Apply(found));
  for (const std::string& word : rest) BANGER_RETURN_IF_ERROR(flags.rest()->set(word));
  return Parsed{};
}

}  // namespace banger::cli
