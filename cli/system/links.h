// Network interfaces that netd has left on the host, as it does while VMs have taps.
#pragma once

#include <filesystem>

namespace banger::cli {

// Whether one of them carries the mark of the system's netd. `interfaces`: /sys/class/net.
bool HasLinksOfNetd(const std::filesystem::path& interfaces);

}  // namespace banger::cli
