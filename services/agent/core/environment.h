// Environment and arguments of the commands that exec runs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/agent/core/user_database.h"

namespace banger::agent {

inline constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

using Environment = std::vector<std::string>;  // "KEY=value", each key once

// PATH, HOME, USER, LOGNAME, SHELL (and TERM with a terminal), then what the
// image sets, then what the caller sets; later ones win.
Environment MergeEnvironment(const User& user, bool tty, const Environment& image, const Environment& caller);

// An image's environment without what names its own user (HOME and the like): for
// commands of another one.
Environment WithoutIdentity(const Environment& image);

// INVALID_ARGUMENT that names the first entry without "=", with an empty key, with
// a zero byte, or of more than 128 KiB, which the kernel takes from nobody.
absl::Status CheckEnvironment(const Environment& environment);

// What can be used of an image's environment: entries that CheckEnvironment takes,
// 1 MiB in all. A careless image does not make every command fail; `problem` names
// the first entry that is left out, and is OK when none is.
struct UsableEnvironment {
  Environment entries;
  absl::Status problem;
};
UsableEnvironment KeepUsable(const Environment& image);

// Empty when there is none.
std::string Lookup(const Environment& environment, const std::string& key);

// The files to try for a program: itself when it has a slash, else one for each
// directory of PATH.
std::vector<std::string> ProgramCandidates(const std::string& program, const std::string& path);

// argv[0] of a login shell: "-bash".
std::string LoginName(const std::string& shell);

}  // namespace banger::agent
