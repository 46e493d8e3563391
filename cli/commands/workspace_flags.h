// What "vm run PATH" and "vm workspace prepare" share.
#pragma once

#include <string>

#include "cli/flags.h"

namespace banger::cli {

struct WorkspaceFlags {
  std::string branch;
  std::string from;
  std::string mode = "shallow";
  bool include_untracked = false;
  bool no_bootstrap = false;
  bool dry_run = false;
};

void DeclareWorkspace(Flags& flags, WorkspaceFlags& workspace);

// Whether one was given that needs a repository: its name, else empty.
std::string FirstGiven(const WorkspaceFlags& workspace);

}  // namespace banger::cli
