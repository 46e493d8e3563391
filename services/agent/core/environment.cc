#include "services/agent/core/environment.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace banger::agent {
namespace {

std::string KeyOf(const std::string& entry) { return entry.substr(0, entry.find('=') + 1); }

void Set(Environment& environment, const std::string& entry) {
  const std::string key = KeyOf(entry);
  for (std::string& old : environment) {
    if (absl::StartsWith(old, key)) {
      old = entry;
      return;
    }
  }
  environment.push_back(entry);
}

}  // namespace

Environment MergeEnvironment(const User& user, bool tty, const Environment& image,
                             const Environment& caller) {
  Environment merged = {absl::StrCat("PATH=", kDefaultPath)};
  if (tty) Set(merged, "TERM=xterm");
  for (const std::string& entry : image)
    if (CheckEnvironment({entry}).ok()) Set(merged, entry);
  Set(merged, absl::StrCat("HOME=", user.home));
  Set(merged, absl::StrCat("SHELL=", user.shell));
  const std::string name = user.name.empty() ? absl::StrCat(user.uid) : user.name;
  Set(merged, absl::StrCat("USER=", name));
  Set(merged, absl::StrCat("LOGNAME=", name));
  for (const std::string& entry : caller) Set(merged, entry);
  return merged;
}

absl::Status CheckEnvironment(const Environment& environment) {
  for (const std::string& entry : environment) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0 || entry.find('\0') != std::string::npos)
      return absl::InvalidArgumentError(absl::StrCat("environment entry '", entry, "' is not KEY=value"));
  }
  return absl::OkStatus();
}

std::string Lookup(const Environment& environment, const std::string& key) {
  for (const std::string& entry : environment) {
    if (absl::StartsWith(entry, absl::StrCat(key, "="))) return entry.substr(key.size() + 1);
  }
  return "";
}

std::vector<std::string> ProgramCandidates(const std::string& program, const std::string& path) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> candidates;
  for (const absl::string_view dir : absl::StrSplit(path, ':'))
    candidates.push_back(absl::StrCat(dir.empty() ? "." : dir, "/", program));
  return candidates;
}

std::string LoginName(const std::string& shell) {
  return absl::StrCat("-", shell.substr(shell.rfind('/') + 1));
}

}  // namespace banger::agent
