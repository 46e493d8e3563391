#pragma once

#include <string>

namespace banger::vmd {

// The processor's model, as the kernel names it: what a guest's memory was made for.
const std::string& HostCpu();

}  // namespace banger::vmd
