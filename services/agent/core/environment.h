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
// image sets, then what the caller sets; later ones win. HOME and the like of
// the image do not: they are the user's. Entries of the image that CheckEnvironment
// refuses are left out: a careless image does not make every command fail.
Environment MergeEnvironment(const User& user, bool tty, const Environment& image, const Environment& caller);

// INVALID_ARGUMENT that names the first entry without "=", with an empty key or
// with a zero byte.
absl::Status CheckEnvironment(const Environment& environment);

// Empty when there is none.
std::string Lookup(const Environment& environment, const std::string& key);

// The files to try for a program: itself when it has a slash, else one for each
// directory of PATH.
std::vector<std::string> ProgramCandidates(const std::string& program, const std::string& path);

// argv[0] of a login shell: "-bash".
std::string LoginName(const std::string& shell);

}  // namespace banger::agent
