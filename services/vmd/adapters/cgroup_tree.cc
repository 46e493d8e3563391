#include "services/vmd/adapters/cgroup_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

constexpr char kOwnGroup[] = "banger-vmd";
// One for each virtual CPU, and as many as QEMU's pools for disks may have.
constexpr int kOtherThreads = 128;
// For its own threads, so that they do not take from the guest's.
constexpr int kOtherCpus = 1;
constexpr std::int64_t kPeriodUs = 100'000;
// A process that has ended leaves its group a moment later.
constexpr std::chrono::seconds kEmptyTimeout{5};

std::vector<std::string> Words(const fs::path& file) {
  return absl::StrSplit(ReadFile(file).value_or(""), absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

absl::Status Put(const fs::path& file, const std::string& value) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(file, O_WRONLY));
  return Annotate(WriteFully(fd.get(), value), absl::StrCat("put '", value, "' into '", file.string(), "'"));
}

absl::Status MakeGroup(const fs::path& path) {
  std::error_code error;
  fs::create_directory(path, error);
  return error ? ErrnoError(error.value(), absl::StrCat("make cgroup '", path.string(), "'"))
               : absl::OkStatus();
}

// Out of a group that is to have groups below it, if we are the only one in it.
absl::Status LeaveForOthers(const fs::path& tree) {
  const std::vector<std::string> processes = Words(tree / "cgroup.procs");
  if (processes.empty()) return absl::OkStatus();
  if (processes != std::vector<std::string>{absl::StrCat(::getpid())})
    return absl::FailedPreconditionError(
        absl::StrCat("cgroup '", tree.string(), "' has other processes than vmd"));
  BANGER_RETURN_IF_ERROR(MakeGroup(tree / kOwnGroup));
  return Put(tree / kOwnGroup / "cgroup.procs", "0");
}

// What our user may change because somebody gave it to us; root may change all.
absl::StatusOr<fs::path> DelegatedToUs() {
  BANGER_ASSIGN_OR_RETURN(const fs::path own, OwnCgroup());
  const fs::path tree = own.filename() == kOwnGroup ? own.parent_path() : own;
  const bool ours = ::geteuid() != 0 && ::access(tree.c_str(), W_OK) == 0 &&
                    ::access((tree / "cgroup.procs").c_str(), W_OK) == 0 &&
                    ::access((tree / "cgroup.subtree_control").c_str(), W_OK) == 0;
  if (!ours) return absl::NotFoundError(absl::StrCat("cgroup '", tree.string(), "' is not delegated to vmd"));
  return tree;
}

}  // namespace

absl::StatusOr<fs::path> OwnCgroup() {
  std::string own;
  for (absl::string_view line : absl::StrSplit(ReadFile("/proc/self/cgroup").value_or(""), '\n'))
    if (absl::ConsumePrefix(&line, "0::/")) own = std::string(line);
  const std::string self = absl::StrCat(::getpid());
  const std::string mounts = ReadFile("/proc/self/mountinfo").value_or("");
  for (const absl::string_view line : absl::StrSplit(mounts, '\n')) {
    if (!absl::StrContains(line, " - cgroup2 ")) continue;
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    if (fields.size() < 5) continue;
    const fs::path directory = (fs::path(fields[4]) / own).lexically_normal();
    const std::vector<std::string> processes = Words(directory / "cgroup.procs");
    if (std::find(processes.begin(), processes.end(), self) != processes.end()) return directory;
  }
  return absl::NotFoundError("no cgroup of version 2 is mounted that vmd is in");
}

CgroupLimits LimitsOf(const VmSizes& sizes, std::int64_t overhead_mib) {
  return {.memory_bytes = (sizes.memory_mib + overhead_mib) << 20,
          .cpus = sizes.vcpu + kOtherCpus,
          .threads = sizes.vcpu + kOtherThreads};
}

absl::StatusOr<CgroupTree> CgroupTree::Open(const fs::path& configured) {
  const absl::StatusOr<fs::path> tree = configured.empty() ? DelegatedToUs() : configured;
  absl::StatusOr<CgroupTree> taken = tree.ok() ? Take(*tree) : tree.status();
  if (taken.ok()) {
    const std::string limits = absl::StrJoin(taken->controllers_, " ");
    log::Info("VMMs have cgroups",
              {{"tree", taken->tree_.string()}, {"limits", limits.empty() ? "none" : limits}});
    return taken;
  }
  if (!configured.empty()) return Annotate(taken.status(), "configuration: vmm_cgroup");
  log::Info("VMMs have no limits by cgroup", {{"why", std::string(taken.status().message())}});
  return CgroupTree();
}

absl::StatusOr<CgroupTree> CgroupTree::Take(const fs::path& path) {
  if (::access((path / "cgroup.subtree_control").c_str(), F_OK) != 0)
    return absl::FailedPreconditionError(absl::StrCat("'", path.string(), "' is no cgroup of version 2"));
  BANGER_RETURN_IF_ERROR(LeaveForOthers(path));
  CgroupTree tree(path);
  tree.EnableControllers();
  tree.RemoveEmpty();
  return tree;
}

void CgroupTree::EnableControllers() {
  const std::vector<std::string> available = Words(tree_ / "cgroup.controllers");
  for (const char* controller : {"cpu", "memory", "pids"}) {
    if (std::find(available.begin(), available.end(), controller) == available.end()) continue;
    const absl::Status enabled = Put(tree_ / "cgroup.subtree_control", absl::StrCat("+", controller));
    if (enabled.ok())
      controllers_.insert(controller);
    else
      log::Warn("a limit of VMMs does not hold", {{"error", std::string(enabled.message())}});
  }
}

void CgroupTree::RemoveEmpty() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(tree_, error))
    if (absl::StartsWith(entry.path().filename().string(), "vm-")) ::rmdir(entry.path().c_str());
}

absl::StatusOr<fs::path> CgroupTree::Make(const std::string& uid) const {
  if (tree_.empty()) return fs::path();
  BANGER_RETURN_IF_ERROR(MakeGroup(PathOf(uid)));
  return PathOf(uid);
}

absl::Status CgroupTree::Limit(const std::string& uid, const CgroupLimits& limits) const {
  if (tree_.empty()) return absl::OkStatus();
  struct Value {
    const char* controller;
    const char* file;
    std::string value;
  };
  const Value values[] = {
      {"memory", "memory.max", absl::StrCat(limits.memory_bytes)},
      {"cpu", "cpu.max", absl::StrCat(limits.cpus * kPeriodUs, " ", kPeriodUs)},
      {"cpu", "cpu.weight", absl::StrCat(std::min(10'000, 100 * limits.cpus))},
      {"pids", "pids.max", absl::StrCat(limits.threads)},
  };
  for (const Value& limit : values)
    if (controllers_.contains(limit.controller))
      BANGER_RETURN_IF_ERROR(Put(PathOf(uid) / limit.file, limit.value));
  return absl::OkStatus();
}

fs::path CgroupTree::Find(const std::string& uid) const {
  std::error_code ignored;
  return !tree_.empty() && fs::is_directory(PathOf(uid), ignored) ? PathOf(uid) : fs::path();
}

bool CgroupTree::RanOutOfMemory(const std::string& uid) const {
  if (tree_.empty()) return false;
  const std::vector<std::string> events = Words(PathOf(uid) / "memory.events");
  const auto kills = std::find(events.begin(), events.end(), "oom_kill");
  return events.end() - kills > 1 && *(kills + 1) != "0";
}

absl::Status CgroupTree::Remove(const std::string& uid) const {
  if (Find(uid).empty()) return absl::OkStatus();
  const fs::path path = PathOf(uid);
  Put(path / "cgroup.kill", "1").IgnoreError();  // Linux 5.14
  const auto deadline = std::chrono::steady_clock::now() + kEmptyTimeout;
  while (::rmdir(path.c_str()) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    if (errno != EBUSY || std::chrono::steady_clock::now() > deadline)
      return ErrnoError(errno, absl::StrCat("remove cgroup '", path.string(), "'"));
    std::this_thread::sleep_for(2ms);
  }
  return absl::OkStatus();
}

}  // namespace banger::vmd
