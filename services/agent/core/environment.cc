#include "services/agent/core/environment.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"

namespace banger::agent {
namespace {

// Of the kernel, for one string (MAX_ARG_STRLEN), with its zero byte.
constexpr std::size_t kMaxEntry = (128 << 10) - 1;
// Half of what the kernel takes for arguments and environment together.
constexpr std::size_t kMaxImageEnvironment = 1 << 20;

std::string KeyOf(const std::string& entry) { return entry.substr(0, entry.find('=')); }

// For messages: entries may be long and of any characters.
std::string Shown(const std::string& entry) {
  constexpr std::size_t kLong = 60;
  return absl::StrCat("'", absl::CHexEscape(entry.substr(0, kLong)), entry.size() > kLong ? "...'" : "'");
}

absl::Status CheckEntry(const std::string& entry) {
  const std::size_t equals = entry.find('=');
  if (equals == std::string::npos || equals == 0 || entry.find('\0') != std::string::npos)
    return absl::InvalidArgumentError(absl::StrCat("environment entry ", Shown(entry), " is not KEY=value"));
  if (entry.size() > kMaxEntry)
    return absl::InvalidArgumentError(
        absl::StrCat("environment entry ", Shown(entry), " is longer than 128 KiB"));
  return absl::OkStatus();
}

}  // namespace

Environment MergeEnvironment(const User& user, bool tty, const Environment& image,
                             const Environment& caller) {
  Environment merged;
  std::map<std::string, std::size_t> places;
  const auto set = [&](const std::string& entry) {
    const auto [place, fresh] = places.try_emplace(KeyOf(entry), merged.size());
    if (fresh) return merged.push_back(entry);
    merged[place->second] = entry;
  };
  const std::string name = user.name.empty() ? absl::StrCat(user.uid) : user.name;
  set(absl::StrCat("PATH=", kDefaultPath));
  if (tty) set("TERM=xterm");
  set(absl::StrCat("HOME=", user.home));
  set(absl::StrCat("SHELL=", user.shell));
  set(absl::StrCat("USER=", name));
  set(absl::StrCat("LOGNAME=", name));
  for (const std::string& entry : image) set(entry);
  for (const std::string& entry : caller) set(entry);
  return merged;
}

Environment WithoutIdentity(const Environment& image) {
  Environment kept;
  std::copy_if(image.begin(), image.end(), std::back_inserter(kept), [](const std::string& entry) {
    const std::string key = KeyOf(entry);
    return key != "HOME" && key != "USER" && key != "LOGNAME" && key != "SHELL";
  });
  return kept;
}

absl::Status CheckEnvironment(const Environment& environment) {
  for (const std::string& entry : environment) BANGER_RETURN_IF_ERROR(CheckEntry(entry));
  return absl::OkStatus();
}

UsableEnvironment KeepUsable(const Environment& image) {
  UsableEnvironment usable;
  std::size_t size = 0;
  for (const std::string& entry : image) {
    absl::Status problem = CheckEntry(entry);
    if (problem.ok() && size + entry.size() > kMaxImageEnvironment)
      problem = absl::InvalidArgumentError(
          absl::StrCat("environment entry ", Shown(entry), " and what follows is more than 1 MiB"));
    if (!problem.ok()) {
      if (usable.problem.ok()) usable.problem = problem;
      continue;
    }
    size += entry.size();
    usable.entries.push_back(entry);
  }
  return usable;
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
