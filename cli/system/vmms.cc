#include "cli/system/vmms.h"

#include <fcntl.h>

#include <chrono>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "common/sync/pause.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

void AddProcesses(const fs::path& group, pid_t but, std::vector<pid_t>& pids) {
  const std::string text = ReadFile(group / "cgroup.procs").value_or("");
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty()))
    if (pid_t pid = 0; absl::SimpleAtoi(line, &pid) && pid != but) pids.push_back(pid);
}

}  // namespace

std::vector<pid_t> Vmms(const fs::path& group, pid_t vmd) {
  std::vector<pid_t> pids;
  AddProcesses(group, vmd, pids);
  std::error_code error;
  for (fs::recursive_directory_iterator below(group, error), end; !error && below != end;
       below.increment(error))
    if (below->is_directory(error)) AddProcesses(below->path(), vmd, pids);
  return pids;
}

absl::Status KillGroup(const fs::path& group, const std::stop_token& stop) {
  const absl::StatusOr<UniqueFd> fd = OpenFile(group / "cgroup.kill", O_WRONLY);
  if (absl::IsNotFound(fd.status())) return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(fd.status());
  BANGER_RETURN_IF_ERROR(WriteFully(fd->get(), "1"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!Vmms(group, 0).empty()) {
    if (std::chrono::steady_clock::now() > deadline)
      return absl::DeadlineExceededError(absl::StrCat("processes of '", group.string(), "' do not end"));
    if (!PauseFor(std::chrono::milliseconds(20), stop)) return absl::CancelledError("interrupted");
  }
  return absl::OkStatus();
}

}  // namespace banger::cli
