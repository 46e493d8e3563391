#include "cli/workspace/guest_git.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/exec/captured.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "cli/workspace/git.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

constexpr int kNotFound = 127;
constexpr std::size_t kMaxAnswer = 64 << 10;

// What lies there is taken as it is: the host's files came without filters, too.
constexpr const char* kSettings[] = {"core.fsmonitor=false",         "core.hooksPath=/dev/null",
                                     "core.safecrlf=false",          "core.splitIndex=false",
                                     "advice.addEmbeddedRepo=false", "filter.lfs.clean=",
                                     "filter.lfs.process=",          "filter.lfs.required=false"};

}  // namespace

absl::Status GuestGit::Run(const std::vector<std::string>& arguments, const std::string& index,
                           const Sink& sink) {
  CapturedCommand command{.argv = {"git", "-C", directory_, "--git-dir=.git", "--work-tree=."},
                          .env = {"LC_ALL=C"}};
  for (const char* setting : kSettings) command.argv.insert(command.argv.end(), {"-c", setting});
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  if (!index.empty()) command.env.push_back(absl::StrCat("GIT_INDEX_FILE=", index));
  BANGER_ASSIGN_OR_RETURN(const CapturedExec ended, RunCaptured(client_, vm_, command, sink));
  if (ended.exit_code == kNotFound)
    return absl::FailedPreconditionError(
        absl::StrCat("there is no git in the VM: install it there, for example with 'banger vm exec ", vm_,
                     " -- apt-get install -y git'"));
  if (ended.exit_code != 0)
    return absl::FailedPreconditionError(
        absl::StrCat("git ", arguments.front(), ": ", OneLine(GitComplaint(ended.err))));
  for (const absl::string_view line : absl::StrSplit(ended.err, '\n'))
    if (absl::StartsWith(line, "warning: ")) Warn(OneLine(std::string(absl::StripPrefix(line, "warning: "))));
  return absl::OkStatus();
}

absl::StatusOr<std::string> GuestGit::Ask(const std::vector<std::string>& arguments) {
  std::string answer;
  BANGER_RETURN_IF_ERROR(Run(arguments, "", [&answer](absl::string_view bytes) {
    answer.append(bytes.data(), bytes.size());
    return answer.size() > kMaxAnswer ? absl::DataLossError("git's answer has no end") : absl::OkStatus();
  }));
  return std::string(absl::StripTrailingAsciiWhitespace(answer));
}

}  // namespace banger::cli
