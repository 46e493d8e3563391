// Repositories on their way into a VM.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "cli/client.h"
#include "cli/signals.h"
#include "cli/workspace/snapshot.h"

namespace banger::cli {

// "/root/banger".
std::string WorkspaceDirectory(const Repository& repository);

// Writes it into the VM, where `directory` must not be, and records that as the
// directory in which the VM's commands run. What was written goes away again when it
// fails. `what` is for progress.
absl::Status SendWorkspace(Client& client, const std::string& vm, const Snapshot& snapshot,
                           const std::string& directory, const std::string& what);

// Installs the tools that the workspace pins by mise, which is fetched when the guest
// has none, and puts them into /usr/local/bin. All that is printed there goes to our
// stderr. The VM needs a way out.
absl::Status BootstrapTools(Client& client, Signals& signals, const std::string& vm,
                            const std::string& directory);

}  // namespace banger::cli
