#pragma once

#include <chrono>
#include <string>

namespace banger::kernel::v1 {
class ListCatalogEntriesResponse;
class ListKernelsResponse;
}  // namespace banger::kernel::v1

namespace banger::cli {

std::string KernelTable(const kernel::v1::ListKernelsResponse& kernels,
                        std::chrono::system_clock::time_point now);

// What can be pulled.
std::string CatalogTable(const kernel::v1::ListCatalogEntriesResponse& entries);

}  // namespace banger::cli
