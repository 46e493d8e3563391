#include "services/netd/adapters/nft_program.h"

#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/subprocess.h"
#include "common/status/status_macros.h"
#include "services/netd/adapters/confinement.h"
#include "services/netd/errors.h"

namespace banger::netd {
namespace {

using Message = HelperProcess::Message;

// Where distributions have it; root's PATH is not asked.
constexpr const char* kPlaces[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"};

absl::StatusOr<std::filesystem::path> FindNft() {
  for (const char* place : kPlaces)
    if (::access(place, X_OK) == 0) return std::filesystem::path(place);
  return absl::FailedPreconditionError("nft is not there: install the package nftables");
}

// In the helper. The question is nft's input and arguments; the answer how it
// ended (empty: well), what it printed, and what it complained about.
Message RunNft(const std::filesystem::path& program, const Message& question) {
  std::vector<std::string> argv = {program.string()};
  argv.insert(argv.end(), question.begin() + 1, question.end());
  absl::StatusOr<CommandResult> result =
      RunCommand({.argv = std::move(argv), .env = std::vector<std::string>{"LC_ALL=C"}, .working_dir = "/"},
                 question.front());
  if (!result.ok()) return {"not run", "", std::string(result.status().message())};
  return {result->status.success() ? "" : result->status.ToString(), std::move(result->out),
          std::move(result->err)};
}

// The line that says what is wrong; the others point at the text.
std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

absl::StatusOr<NftProgram> NftProgram::Start(std::function<void()> on_lost) {
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path program, FindNft());
  BANGER_ASSIGN_OR_RETURN(
      std::unique_ptr<HelperProcess> helper,
      HelperProcess::Start({.name = "netd-nft",
                            .confine = [program] { return ConfineNft(program); },
                            .serve = [program](const Message& question) { return RunNft(program, question); },
                            .on_lost = std::move(on_lost)}));
  return NftProgram(std::move(helper));
}

absl::StatusOr<std::string> NftProgram::Run(const std::string& input,
                                            const std::vector<std::string>& arguments) const {
  Message question = {input};
  question.insert(question.end(), arguments.begin(), arguments.end());
  BANGER_ASSIGN_OR_RETURN(Message answer, helper_->Ask(question));
  if (answer.size() != 3) return FirewallFailed("nft's helper gave no answer");
  if (answer[0].empty()) return std::move(answer[1]);
  const std::string& complaint = answer[2];
  if (absl::StrContains(complaint, "No such file or directory"))
    return absl::NotFoundError(FirstLine(complaint));
  return FirewallFailed(complaint.empty() ? absl::StrCat("nft: ", answer[0]) : FirstLine(complaint));
}

absl::StatusOr<std::string> NftProgram::Query(const std::vector<std::string>& arguments) const {
  return Run("", arguments);
}

absl::Status NftProgram::Execute(const std::string& text) const {
  const absl::Status done = Run(text, {"-f", "-"}).status();
  // Of a whole transaction nothing can be missing.
  return absl::IsNotFound(done) ? FirewallFailed(std::string(done.message())) : done;
}

}  // namespace banger::netd
