#include "cli/system/host_files.h"

#include <pwd.h>

#include <algorithm>
#include <regex>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/system/systemd.h"
#include "common/config/install.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

struct Place {
  fs::path below_lib;  // where an installation has them
  fs::path in_etc;     // where a host's administrator does
  std::vector<std::string> names;
};

std::vector<Place> Places() {
  // The target, which is what a whole installation is known by, is written last and removed
  // first.
  std::vector<std::string> units(std::begin(kUnits), std::end(kUnits));
  units.push_back(kTarget);
  return {{"sysusers.d", "sysusers.d", {"banger.conf"}},
          {"tmpfiles.d", "tmpfiles.d", {"banger.conf"}},
          {"systemd/system", "systemd/system", std::move(units)}};
}

// Of a unit's ExecStart; empty without one.
std::string ProgramOf(const std::string& unit) {
  static const std::regex line("(^|\n)ExecStart=([^ \n]+)");
  std::smatch match;
  return std::regex_search(unit, match, line) ? match[2].str() : "";
}

// The "lib" in which systemd of `root` finds banger's units by itself, in its order; empty:
// none.
fs::path LibOfSystemd(const fs::path& root) {
  std::error_code error;
  for (const char* lib : {"usr/local/lib", "usr/lib", "lib"})
    if (fs::exists(root / lib / "systemd/system" / kTarget, error)) return root / lib;
  return {};
}

// systemd takes a unit in /etc in place of an installation's, whose programs it should name
// all the same.
absl::Status CheckNotShadowed(const fs::path& root, const fs::path& lib) {
  for (const char* name : kUnits) {
    const fs::path shadow = root / "etc/systemd/system" / name;
    const std::string program = ProgramOf(ReadFile(shadow).value_or(""));
    if (program.empty() || program == ProgramOf(ReadFile(lib / "systemd/system" / name).value_or("")))
      continue;
    return absl::FailedPreconditionError(absl::StrCat("'", shadow.string(), "' has systemd run '", program,
                                                      "' of another installation: remove that file first"));
  }
  return absl::OkStatus();
}

// `names`, after those of banger's services there that we do not know: those of a newer banger,
// which an update has put there.
std::vector<std::string> NamesIn(const fs::path& directory, const std::vector<std::string>& names) {
  std::vector<std::string> all;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (absl::StartsWith(name, "banger-") && absl::EndsWith(name, ".service") &&
        std::find(names.begin(), names.end(), name) == names.end())
      all.push_back(name);
  }
  all.insert(all.end(), names.begin(), names.end());
  return all;
}

// `root`/`directory`, unless a link in that tree leads out of it, to where we must not
// write.
absl::StatusOr<fs::path> InTree(const fs::path& root, const fs::path& directory) {
  std::error_code error;
  const fs::path wanted = root / directory;
  const fs::path leads_to = fs::weakly_canonical(wanted, error);
  if (error) return ErrnoError(error.value(), absl::StrCat("look at '", wanted.string(), "'"));
  const fs::path below = leads_to.lexically_relative(root);
  if (!below.empty() && *below.begin() != "..") return wanted;
  return absl::FailedPreconditionError(
      absl::StrCat("'", wanted.string(), "' leads out of the tree, to '", leads_to.string(), "'"));
}

// rm -rf of what may be a mount point, which cannot go while it is one, but is emptied.
absl::Status RemoveUnlessMounted(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error || error == std::errc::device_or_resource_busy) return absl::OkStatus();
  return ErrnoError(error.value(), absl::StrCat("remove '", path.string(), "'"));
}

// What it has, wherever a link leads to within the tree, and then the directory or link.
absl::Status RemoveDirectory(const fs::path& root, const fs::path& directory) {
  BANGER_ASSIGN_OR_RETURN(const fs::path path, InTree(root, directory));
  absl::Status removed;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    removed = JoinErrors(removed, RemoveUnlessMounted(entry->path()));
  if (error && error != std::errc::no_such_file_or_directory)
    removed = JoinErrors(removed, ErrnoError(error.value(), absl::StrCat("list '", path.string(), "'")));
  return JoinErrors(removed, RemoveUnlessMounted(path));
}

}  // namespace

absl::StatusOr<fs::path> InstalledPrefix() {
  const absl::StatusOr<fs::path> example = FindShare("config.toml");
  std::error_code error;
  if (example.ok()) {
    const fs::path prefix = example->parent_path().parent_path().parent_path();
    if (fs::exists(prefix / "lib/systemd/system" / kTarget, error)) return prefix;
  }
  return absl::FailedPreconditionError(
      "no daemons are installed beside this program: install the package 'banger', or 'cmake --install' it");
}

absl::StatusOr<std::vector<fs::path>> WriteUnits(const fs::path& prefix, const fs::path& root) {
  std::vector<fs::path> written;
  if (const fs::path lib = LibOfSystemd(root); !lib.empty()) {
    std::error_code error;
    if (root != "/" || fs::equivalent(lib, prefix / "lib", error)) {
      BANGER_RETURN_IF_ERROR(CheckNotShadowed(root, lib));
      return written;
    }
    return absl::FailedPreconditionError(absl::StrCat("another installation of banger is in '",
                                                      lib.parent_path().string(),
                                                      "': use its 'banger', or remove it first"));
  }
  for (const Place& place : Places()) {
    BANGER_ASSIGN_OR_RETURN(const fs::path directory, InTree(root, fs::path("etc") / place.in_etc));
    BANGER_RETURN_IF_ERROR(MakeDirectories(directory, 0755));
    for (const std::string& name : NamesIn(prefix / "lib" / place.below_lib, place.names)) {
      BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(prefix / "lib" / place.below_lib / name));
      BANGER_RETURN_IF_ERROR(WriteFileAtomically(directory / name, text, 0644));
      written.push_back(directory / name);
    }
  }
  return written;
}

std::vector<std::string> UnitsOf(const fs::path& root) {
  std::vector<std::string> units;
  const fs::path lib = LibOfSystemd(root);
  std::error_code error;
  const std::vector<Place> places = Places();
  for (const std::string& name : places.back().names)
    if (fs::exists(root / "etc/systemd/system" / name, error) ||
        (!lib.empty() && fs::exists(lib / "systemd/system" / name, error)))
      units.push_back(name);
  return units;
}

bool HasUnits(const fs::path& root) {
  std::error_code error;
  return !LibOfSystemd(root).empty() || fs::exists(root / "etc/systemd/system" / kTarget, error);
}

absl::StatusOr<std::vector<fs::path>> RemoveUnits(const fs::path& root) {
  std::vector<fs::path> removed;
  if (!LibOfSystemd(root).empty()) return removed;
  std::error_code error;
  std::vector<Place> places = Places();
  std::reverse(places.begin(), places.end());
  for (Place& place : places) {
    BANGER_ASSIGN_OR_RETURN(const fs::path directory, InTree(root, fs::path("etc") / place.in_etc));
    std::reverse(place.names.begin(), place.names.end());
    for (const std::string& name : place.names) {
      const fs::path file = directory / name;
      if (fs::symlink_status(file, error).type() != fs::file_type::regular) continue;
      BANGER_RETURN_IF_ERROR(RemoveFileDurably(file));
      removed.push_back(file);
    }
  }
  return removed;
}

absl::StatusOr<bool> WriteConfig(const fs::path& prefix, const fs::path& root) {
  BANGER_ASSIGN_OR_RETURN(const fs::path directory, InTree(root, "etc/banger"));
  const fs::path config = directory / "config.toml";
  std::error_code error;
  if (fs::exists(config, error)) return false;
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(prefix / "share/banger/config.toml"));
  BANGER_RETURN_IF_ERROR(MakeDirectories(directory, 0755));
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(config, text, 0644));
  return true;
}

absl::Status RemoveState(const fs::path& root) {
  absl::Status removed;
  for (const char* directory : {"var/lib/banger", "var/cache/banger", "run/banger", "run/banger-netd"})
    removed = JoinErrors(removed, RemoveDirectory(root, directory));
  BANGER_RETURN_IF_ERROR(removed);
  BANGER_ASSIGN_OR_RETURN(const fs::path etc, InTree(root, "etc/banger"));
  std::error_code not_empty;
  if (!fs::exists(etc, not_empty)) return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(RemoveFileDurably(etc / "config.toml"));
  fs::remove(etc, not_empty);
  return absl::OkStatus();
}

bool UserExists(const fs::path& root, const std::string& user) {
  if (root == "/") return ::getpwnam(user.c_str()) != nullptr;
  const std::string users = ReadFile(root / "etc/passwd").value_or("");
  for (const absl::string_view line : absl::StrSplit(users, '\n'))
    if (absl::StartsWith(line, absl::StrCat(user, ":"))) return true;
  return false;
}

}  // namespace banger::cli
