// Applies core/image_settings to the running root.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace banger::agent {

// Whether /sbin/init is systemd and can be executed; any other image runs with the
// agent as init.
bool HasSystemd(const std::filesystem::path& root = "/");

// Sets up the image below `root` for this VM; at each boot, before its init runs.
// Nothing of it stops the boot: what did not succeed comes back, one line each.
std::vector<std::string> FinaliseImage(const std::filesystem::path& root = "/");

// For images whose init is the agent: makes this VM's ssh host key, once, if there
// is an sshd to use it. Does not wait for it; the child is PID 1's to reap.
void StartHostKeys();

}  // namespace banger::agent
