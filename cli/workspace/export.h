#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cli/client.h"

namespace banger::cli {

// Gives all that differs in the VM's workspace from `base` (empty: the files as they
// came) as a binary-safe patch to `sink`: commits, changes, new files that git does not
// ignore, those in submodules that came along too. Uses an index of its own in the
// workspace's git directories, never the guest's. What comes is whatever the guest
// likes; RESOURCE_EXHAUSTED when it is more than git would apply.
absl::Status ExportWorkspace(Client& client, const std::string& vm, const std::string& base,
                             const std::function<absl::Status(absl::string_view)>& sink);

}  // namespace banger::cli
