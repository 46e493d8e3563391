#include "cli/workspace/git.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/subprocess.h"

namespace banger::cli {
namespace {

// What a repository's configuration could make git run, or leave of us in a clone.
constexpr const char* kSettings[] = {"core.hooksPath=/dev/null",
                                     "core.fsmonitor=false",
                                     "core.pager=cat",
                                     "core.attributesFile=/dev/null",
                                     "core.alternateRefsCommand=",
                                     "core.logAllRefUpdates=false",
                                     "diff.external=",
                                     "submodule.recurse=false",
                                     "protocol.version=2",
                                     "transfer.unpackLimit=1",
                                     "gc.auto=0",
                                     "maintenance.auto=false"};

// Ours, without what would point git elsewhere. Also the processes that git starts see
// it, and no -c.
std::vector<std::string> Environment(Git::Kind kind, const Git& git) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!absl::StartsWith(*entry, "GIT_")) environment.emplace_back(*entry);
  environment.push_back(absl::StrCat("GIT_DIR=", git.git_dir().string()));
  environment.push_back(absl::StrCat("GIT_WORK_TREE=", git.work_tree().string()));
  environment.push_back(absl::StrCat("GIT_ALLOW_PROTOCOL=", kind == Git::Kind::kOurs ? "file" : ""));
  for (const char* entry : {"GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
                            "GIT_ATTR_NOSYSTEM=1", "LC_ALL=C"})
    environment.emplace_back(entry);
  if (kind == Git::Kind::kOurs)
    environment.insert(environment.end(), {"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"});
  return environment;
}

}  // namespace

absl::StatusOr<std::string> Git::Run(std::vector<std::string> arguments, const std::string& input) const {
  Subprocess::Options options;
  options.argv = {"git"};
  for (const char* setting : kSettings) options.argv.insert(options.argv.end(), {"-c", setting});
  const std::string what = absl::StrCat("git ", arguments.front());
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.env = Environment(kind_, *this);
  options.working_dir = work_tree_;
  absl::StatusOr<CommandResult> result = RunCommand(options, input, stop_);
  if (absl::IsNotFound(result.status()))
    return absl::FailedPreconditionError("git is not installed on this machine");
  if (!result.ok()) return result.status();
  if (!result->status.success())
    return absl::FailedPreconditionError(absl::StrCat(what, ": ", GitComplaint(result->err)));
  return std::move(result->out);
}

std::string Git::Ask(std::vector<std::string> arguments) const {
  const absl::StatusOr<std::string> answer = Run(std::move(arguments));
  return answer.ok() ? std::string(absl::StripSuffix(*answer, "\n")) : "";
}

std::string GitComplaint(const std::string& err) {
  const std::vector<std::string> lines = absl::StrSplit(err, '\n', absl::SkipEmpty());
  for (const std::string& line : lines)
    if (absl::StartsWith(line, "error: ") || absl::StartsWith(line, "fatal: ")) return line;
  return lines.empty() ? "no reason given" : lines.back();
}

}  // namespace banger::cli
