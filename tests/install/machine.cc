#include "tests/install/machine.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "common/testing/eventually.h"

namespace banger {
namespace fs = std::filesystem;
namespace {

// Where control groups of version 2 are, and which of them is ours; empty without any.
fs::path OwnGroup() {
  fs::path group;
  const std::string mounts = ReadFile("/proc/self/mountinfo").value_or("");
  for (const absl::string_view line : absl::StrSplit(mounts, '\n'))
    if (absl::StrContains(line, " - cgroup2 "))
      group = std::string(std::vector<absl::string_view>(absl::StrSplit(line, ' '))[4]);
  const std::string own = ReadFile("/proc/self/cgroup").value_or("");
  for (const absl::string_view line : absl::StrSplit(own, '\n'))
    if (absl::StartsWith(line, "0::/") && !group.empty()) return group / std::string(line.substr(4));
  return {};
}

// Those below it first. False while something is in it.
bool RemoveGroup(const fs::path& group) {
  std::error_code error;
  for (fs::directory_iterator entry(group, error), end; !error && entry != end; entry.increment(error))
    if (entry->is_directory() && !RemoveGroup(entry->path())) return false;
  return ::rmdir(group.c_str()) == 0 || errno == ENOENT;
}

}  // namespace

Machine::ControlGroup::ControlGroup() {
  const fs::path own = OwnGroup();
  if (own.empty()) return;
  const fs::path group = own / absl::StrCat("banger-machine-", ::getpid());
  if (::mkdir(group.c_str(), 0755) == 0) path_ = group;
}

// Its processes are being killed.
Machine::ControlGroup::~ControlGroup() {
  if (!path_.empty()) Eventually([this] { return RemoveGroup(path_); });
}

absl::StatusOr<Machine> Machine::Boot(const fs::path& root) { return Start({root}); }

absl::StatusOr<Machine> Machine::BootOverHost(const fs::path& directory) {
  return Start({"--over-host", directory});
}

absl::StatusOr<Machine> Machine::Start(const std::vector<std::string>& what) {
  ControlGroup group;
  std::vector<std::string> argv = {BANGER_SOURCE_DIR "/tests/install/boot_machine", group.path()};
  argv.insert(argv.end(), what.begin(), what.end());
  BANGER_ASSIGN_OR_RETURN(Subprocess booted, Subprocess::Start({.argv = argv}));
  Machine machine(std::move(group), std::move(booted));
  const bool is_up = Eventually(
      [&machine] {
        const std::string state = machine.Shell("systemctl is-system-running --wait");
        return state == "running\n" || absl::StartsWith(state, "degraded\n");
      },
      std::chrono::seconds(60));
  if (is_up) return machine;
  return absl::DeadlineExceededError(
      absl::StrCat("systemd does not come up: ", machine.Shell("systemctl list-jobs; systemctl --failed")));
}

std::string Machine::Init() const {
  const std::string unshare = absl::StrCat(booted_.pid());
  const std::string init =
      ReadFile(absl::StrCat("/proc/", unshare, "/task/", unshare, "/children")).value_or("");
  return init.substr(0, init.find(' '));
}

std::string Machine::Shell(const std::string& command) const {
  const auto result = RunCommand({.argv = {"nsenter", "--all", "--target", Init(), "sh", "-c", command}});
  if (!result.ok()) return std::string(result.status().message());
  return absl::StrCat(result->out, result->err,
                      result->status.success() ? "" : absl::StrCat(result->status.ToString(), "\n"));
}

fs::path Machine::root() const { return fs::path("/proc") / Init() / "root"; }

}  // namespace banger
