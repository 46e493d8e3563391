// Applies core/image_settings to the running root.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace banger::agent {

// Whether /sbin/init is systemd and can be executed; any other image runs with the
// agent as init.
bool HasSystemd(const std::filesystem::path& root = "/");

// Sets up the image below `root` for the VM `vm_uid`; at each boot, before its init
// runs. Nothing of it stops the boot: what did not succeed comes back, one line each.
std::vector<std::string> FinaliseImage(const std::filesystem::path& root = "/",
                                       const std::string& vm_uid = {});

}  // namespace banger::agent
