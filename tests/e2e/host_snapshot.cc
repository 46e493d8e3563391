#include "tests/e2e/host_snapshot.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"

namespace banger::e2e {
namespace fs = std::filesystem;
namespace {

bool IsDaemonOrClient(const std::string& command) { return command.starts_with("banger"); }

// The store keeps its pages, and its write-ahead log comes and goes.
bool IsStoreFile(const std::string& path) { return absl::StrContains(path, ".sqlite3"); }

template <typename Set>
void Compare(const char* what, const Set& before, const Set& after, std::string& changes) {
  Set gone;
  Set come;
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::inserter(gone, gone.end()));
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::inserter(come, come.end()));
  for (const std::string& name : gone) absl::StrAppend(&changes, "- ", what, " ", name, "\n");
  for (const std::string& name : come) absl::StrAppend(&changes, "+ ", what, " ", name, "\n");
}

std::multiset<std::string> Processes(const fs::path& root) {
  std::multiset<std::string> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    if (!std::isdigit(static_cast<unsigned char>(entry.path().filename().string()[0]))) continue;
    const auto command_line = ReadFile(entry.path() / "cmdline");
    const auto environment = ReadFile(entry.path() / "environ");
    const auto name = ReadFile(entry.path() / "comm");
    if (!command_line.ok() || !name.ok()) continue;
    const bool ours = absl::StrContains(*command_line, root.string()) ||
                      (environment.ok() && absl::StrContains(*environment, root.string()));
    if (ours && !IsDaemonOrClient(*name)) found.insert(name->substr(0, name->size() - 1));
  }
  return found;
}

// netd's bridge and the taps that it keeps for VMs to come, whose mark names none:
// they come and go with time.
bool IsKeptReady(const fs::path& link) {
  const std::string mark = ReadFile(link / "ifalias").value_or("");
  return mark.starts_with("banger:") && (fs::exists(link / "bridge") || mark.ends_with(":\n"));
}

std::set<std::string> Links() {
  std::set<std::string> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/sys/class/net", error))
    if (!IsKeptReady(entry.path())) found.insert(entry.path().filename());
  return found;
}

}  // namespace

HostSnapshot TakeSnapshot(const fs::path& root) {
  HostSnapshot snapshot{.processes = Processes(root), .links = Links(), .files = {}};
  for (const char* part : {"state", "run"}) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / part, error)) {
      const std::string path = fs::relative(entry.path(), root);
      if (!IsStoreFile(path)) snapshot.files.insert(path);
    }
  }
  return snapshot;
}

std::string Changes(const HostSnapshot& before, const HostSnapshot& after) {
  std::string changes;
  Compare("process", before.processes, after.processes, changes);
  Compare("link", before.links, after.links, changes);
  Compare("file", before.files, after.files, changes);
  return changes;
}

}  // namespace banger::e2e
