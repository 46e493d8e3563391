// The part of an update that changes a host. Up to here nothing has been touched.
//
//   journal -> stop -> copy the store -> swap in -> start -> check -> no journal
//
// What fails is undone: stop, swap back, restore the store, start again, with the binaries
// that are back. What is killed is decided by the next update.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/update/manifest.h"
#include "cli/update/staging.h"
#include "cli/update/swap.h"

namespace banger::cli {

// What else an update does to a host.
class UpdateHost {
 public:
  virtual ~UpdateHost() = default;
  // VMs go on running.
  virtual absl::Status StopDaemons() = 0;
  // Has the host take the units that are below the prefix now, and waits until all serve.
  virtual absl::Status StartDaemons() = 0;
  // Whether all daemons and the command are of that build.
  virtual absl::Status CheckBuild(const std::string& version, const std::string& commit) = 0;
};

struct UpdateParts {
  UpdateHost& host;
  Mover& mover;
  std::filesystem::path database;  // vmd's
};

// Replaces version `from` by the release, of which `files` are staged. An error says whether
// what was here before is back (FAILED_PRECONDITION) or not (INTERNAL), when the staging keeps
// its journal.
absl::Status InstallRelease(const UpdateParts& parts, const Staging& staging,
                            const std::set<std::string>& files, const Release& release,
                            const std::string& from);

// Decides an update that was killed. Finishes it when all is in place and works, and says so;
// else takes it back, and ABORTED says that.
absl::StatusOr<std::string> Recover(const UpdateParts& parts, const Staging& staging);

}  // namespace banger::cli
