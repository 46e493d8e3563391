#pragma once

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/commands/workspace_flags.h"
#include "cli/workspace/snapshot.h"

namespace banger::cli {

// A repository that is ready to go into a VM; it needs none yet.
struct PreparedWorkspace {
  std::string path;  // as it was given
  Snapshot snapshot;
  std::string directory;  // in the guest
};

// Reads the repository that `path` is in, and warns of what stays behind. Usage errors
// name the flag.
absl::StatusOr<PreparedWorkspace> ReadWorkspace(const std::string& path, const WorkspaceFlags& flags,
                                                const std::stop_token& stop);

// Whether its pinned tools are to be installed.
bool NeedsTools(const PreparedWorkspace& prepared, const WorkspaceFlags& flags);

// Refuses to fetch them in a VM without a way out; `remedy` is what gives it one.
absl::Status CheckWayOut(const PreparedWorkspace& prepared, const WorkspaceFlags& flags, bool nat,
                         const std::string& remedy);

// Prints what would travel.
absl::Status PrintDryRun(const PreparedWorkspace& prepared);

// Sends it, and installs its tools.
absl::Status BringWorkspace(Context& context, const std::string& vm, const PreparedWorkspace& prepared,
                            const WorkspaceFlags& flags);

// All of it, into a VM that runs.
absl::Status PrepareWorkspace(Context& context, const std::string& vm, const std::string& path,
                              const WorkspaceFlags& flags);

}  // namespace banger::cli
