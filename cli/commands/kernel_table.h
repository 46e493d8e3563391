#pragma once

#include <chrono>
#include <string>

namespace banger::kernel::v1 {
class ListKernelsResponse;
}

namespace banger::cli {

std::string KernelTable(const kernel::v1::ListKernelsResponse& kernels,
                        std::chrono::system_clock::time_point now);

}  // namespace banger::cli
