// Applies core/image_settings to the running root.
#pragma once

#include <filesystem>

namespace banger::agent {

// Whether /sbin/init is systemd; any other image runs with the agent as init.
bool HasSystemd(const std::filesystem::path& root = "/");

// Sets up the image below `root` for this VM; at each boot, before its init
// runs. What does not succeed is said on the console and does not stop the boot.
void FinaliseImage(const std::filesystem::path& root = "/");

}  // namespace banger::agent
