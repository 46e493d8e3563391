#include "services/vmd/adapters/firecracker_version.h"

#include <chrono>
#include <regex>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/os/file_version.h"
#include "common/os/subprocess.h"
#include "common/status/status_macros.h"
#include "common/sync/deadline_stop.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

constexpr std::chrono::seconds kAnswerTimeout{5};

absl::Status Examine(const std::filesystem::path& path, const std::stop_token& stop) {
  const DeadlineStop deadline(kAnswerTimeout, stop);
  const absl::StatusOr<std::string> output =
      RunCommandOk({.argv = {path.string(), "--version"}}, {}, deadline.token());
  if (stop.stop_requested()) return absl::CancelledError("stopped while Firecracker told its version");
  if (!output.ok() && deadline.token().stop_requested())
    return VmmFailed(absl::StrCat("'", path.string(), " --version' does not end"));
  if (!output.ok()) return VmmFailed(std::string(output.status().message()));
  BANGER_ASSIGN_OR_RETURN(const FirecrackerVersion version, ParseFirecrackerVersion(*output));
  if (version > kNewestTestedFirecracker)
    log::Warn("this Firecracker is newer than those that banger is tested with",
              {{"version", version.ToString()}, {"tested", kNewestTestedFirecracker.ToString()}});
  return CheckFirecrackerVersion(path.string(), version);
}

}  // namespace

std::string FirecrackerVersion::ToString() const { return absl::StrCat(major, ".", minor, ".", patch); }

absl::StatusOr<FirecrackerVersion> ParseFirecrackerVersion(absl::string_view output) {
  static const std::regex kPattern(R"(^Firecracker v(\d{1,6})\.(\d{1,6})\.(\d{1,6}))");
  std::smatch match;
  const std::string text(output.substr(0, 200));
  FirecrackerVersion version;
  if (!std::regex_search(text, match, kPattern) || !absl::SimpleAtoi(match[1].str(), &version.major) ||
      !absl::SimpleAtoi(match[2].str(), &version.minor) || !absl::SimpleAtoi(match[3].str(), &version.patch))
    return VmmFailed(absl::StrCat("firecracker --version says '", text.substr(0, text.find('\n')),
                                  "': that is no Firecracker"));
  return version;
}

absl::Status CheckFirecrackerVersion(const std::string& program, const FirecrackerVersion& version) {
  if (version >= kOldestFirecracker && version != kRefusedFirecracker) return absl::OkStatus();
  return VmmVersionRefused(
      program, version.ToString(),
      absl::StrCat(kOldestFirecracker.ToString(), " or newer, but not ", kRefusedFirecracker.ToString()));
}

absl::StatusOr<std::filesystem::path> FirecrackerProgram::Find(const std::stop_token& stop) {
  const absl::StatusOr<std::filesystem::path> path = FindProgram(program_);
  if (!path.ok())
    return VmmNotFound(program_, absl::StrCat("install Firecracker ", kOldestFirecracker.ToString(),
                                              " or newer, or set firecracker_bin"));
  const std::string key = absl::StrCat(path->string(), "/", FileVersion(*path).value_or("missing"));
  {
    const MutexLock lock(mutex_);
    if (key == fit_) return *path;
  }
  BANGER_RETURN_IF_ERROR(Examine(*path, stop));
  const MutexLock lock(mutex_);
  fit_ = key;
  return *path;
}

}  // namespace banger::vmd
