#include "cli/update/vet.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/os/subprocess.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/sync/deadline_stop.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

// For a line of text; a loaded host is no reason to give up.
constexpr std::chrono::seconds kPatience(60);

absl::StatusOr<std::string> Say(const fs::path& program, const std::string& flag,
                                const std::stop_token& stop) {
  const DeadlineStop deadline(kPatience, stop);
  const auto said = RunCommandOk({.argv = {program, flag}}, {}, deadline.token());
  if (said.ok()) return std::string(absl::StripSuffix(*said, "\n"));
  if (stop.stop_requested()) return absl::CancelledError("interrupted");
  const absl::string_view why =
      absl::IsCancelled(said.status()) ? "it does not end" : said.status().message();
  return absl::FailedPreconditionError(absl::StrCat("'", program.filename().string(), " ", flag, "': ", why));
}

absl::Status Differs(const std::string& said, const Release& release) {
  return absl::FailedPreconditionError(absl::StrCat("it says '", said, "', which is not ", release.version,
                                                    " (", release.commit, ") with store ",
                                                    release.store_version));
}

}  // namespace

absl::Status VetRelease(const Release& release, const fs::path& tree, const std::set<std::string>& files,
                        const std::stop_token& stop) {
  const std::string version = absl::StrCat(release.version, " (", release.commit);
  BANGER_ASSIGN_OR_RETURN(const std::string command, Say(tree / "bin/banger", "--version", stop));
  if (command != absl::StrCat("banger ", version, ")")) return Differs(command, release);
  for (const fs::path unit : files) {
    if (unit.extension() != ".service") continue;
    const std::string name = unit.stem();
    const fs::path daemon = tree / "libexec/banger" / name;
    BANGER_ASSIGN_OR_RETURN(const std::string said, Say(daemon, "--version", stop));
    if (!absl::StartsWith(said, absl::StrCat(name, " ", version, ", "))) return Differs(said, release);
    if (name == "banger-vmd" && !absl::EndsWith(said, absl::StrCat("), store ", release.store_version)))
      return Differs(said, release);
    BANGER_RETURN_IF_ERROR(Say(daemon, "--check-config", stop).status());
  }
  return absl::OkStatus();
}

}  // namespace banger::cli
