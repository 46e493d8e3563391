#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/kerneld/adapters/module_tree.h"

namespace banger::kerneld {

// Writes the initrd of a kernel with modular drivers to `initrd`, a new file:
// `init` as /init, /lib/modules/NAME.ko for each of `names`, and /modules.list
// with one path a line in load order.
absl::Status WriteModuleInitrd(const std::filesystem::path& initrd, const std::filesystem::path& init,
                               const ModuleTree& modules, const std::vector<std::string>& names);

}  // namespace banger::kerneld
