// What `banger system install` writes on a host, and takes away again. `root`: "/", or the
// tree of another system, canonical; nothing is touched outside of it
// (FAILED_PRECONDITION where its own links lead there).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger::cli {

// The prefix that this program was installed below. FAILED_PRECONDITION in a build tree
// and for an installation without daemons.
absl::StatusOr<std::filesystem::path> InstalledPrefix();

// Units, sysusers and tmpfiles of the installation, into `root`/etc, where systemd looks;
// nothing when they are where it finds them anyway (/usr, /usr/local). The files.
// FAILED_PRECONDITION when what it finds there, or takes in its place from /etc, is another
// installation's.
absl::StatusOr<std::vector<std::filesystem::path>> WriteUnits(const std::filesystem::path& prefix,
                                                              const std::filesystem::path& root);
// Whether systemd of `root` knows the units, from wherever.
bool HasUnits(const std::filesystem::path& root);
// The names of those that systemd of `root` knows, the target among them; all of them but
// where an installation or a removal was interrupted.
std::vector<std::string> UnitsOf(const std::filesystem::path& root);
// Removes what WriteUnits wrote. The files. Not where systemd finds units by itself: what is
// in /etc beside them is the administrator's (`systemctl edit --full`), as are links there
// (`systemctl mask`).
absl::StatusOr<std::vector<std::filesystem::path>> RemoveUnits(const std::filesystem::path& root);

// The commented example as /etc/banger/config.toml, unless there is one. Whether it was
// written.
absl::StatusOr<bool> WriteConfig(const std::filesystem::path& prefix, const std::filesystem::path& root);

// All that banger keeps on the host: state, cache, sockets, configuration. Certificates
// and what else is in /etc/banger stay, and mount points, empty.
absl::Status RemoveState(const std::filesystem::path& root);

// Whether /etc/passwd of `root` has the user; of "/", whether the host knows him.
bool UserExists(const std::filesystem::path& root, const std::string& user);

}  // namespace banger::cli
