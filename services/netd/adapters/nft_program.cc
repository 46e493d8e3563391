#include "services/netd/adapters/nft_program.h"

#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/subprocess.h"
#include "common/status/status_macros.h"
#include "services/netd/errors.h"

namespace banger::netd {
namespace {

// Where distributions have it; root's PATH is not asked.
constexpr const char* kPlaces[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"};

// The line that says what is wrong; the others point at the text.
std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

absl::StatusOr<NftProgram> NftProgram::Find() {
  for (const char* place : kPlaces)
    if (::access(place, X_OK) == 0) return NftProgram(place);
  return absl::FailedPreconditionError("nft is not there: install the package nftables");
}

absl::StatusOr<std::string> NftProgram::Query(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {path_.string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  BANGER_ASSIGN_OR_RETURN(
      CommandResult result,
      RunCommand({.argv = std::move(argv), .env = std::vector<std::string>{"LC_ALL=C"}, .working_dir = "/"}));
  if (result.status.success()) return std::move(result.out);
  if (absl::StrContains(result.err, "No such file or directory"))
    return absl::NotFoundError(FirstLine(result.err));
  return FirewallFailed(result.err.empty() ? absl::StrCat("nft: ", result.status.ToString())
                                           : FirstLine(result.err));
}

absl::Status NftProgram::Execute(const std::string& text) const {
  BANGER_ASSIGN_OR_RETURN(const CommandResult result, RunCommand({.argv = {path_.string(), "-f", "-"},
                                                                  .env = std::vector<std::string>{"LC_ALL=C"},
                                                                  .working_dir = "/"},
                                                                 text));
  if (result.status.success()) return absl::OkStatus();
  return FirewallFailed(result.err.empty() ? absl::StrCat("nft: ", result.status.ToString())
                                           : FirstLine(result.err));
}

}  // namespace banger::netd
