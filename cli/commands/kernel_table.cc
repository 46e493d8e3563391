#include "cli/commands/kernel_table.h"

#include "banger/kernel/v1/kernel_service.pb.h"
#include "cli/names.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "cli/output/time.h"

namespace banger::cli {
namespace {

std::string StateName(kernel::v1::CatalogEntry::State state) {
  switch (state) {
    case kernel::v1::CatalogEntry::STATE_AVAILABLE:
      return "available";
    case kernel::v1::CatalogEntry::STATE_PULLED:
      return "pulled";
    case kernel::v1::CatalogEntry::STATE_UPDATE:
      return "update";
    default:
      return "";
  }
}

}  // namespace

std::string KernelTable(const kernel::v1::ListKernelsResponse& kernels,
                        std::chrono::system_clock::time_point now) {
  Table table({"NAME", "DISTRO", "ARCH", "VERSION", "SIZE", "IMPORTED", "SOURCE"});
  for (const kernel::v1::Kernel& kernel : kernels.kernels())
    table.AddRow({IdOf(kernel.name()), kernel.distro(), kernel.arch(), kernel.kernel_version(),
                  HumanSize(kernel.size_bytes()), HumanAge(ToTime(kernel.import_time()), now),
                  kernel.source()});
  return table.Render();
}

std::string CatalogTable(const kernel::v1::ListCatalogEntriesResponse& entries) {
  Table table({"NAME", "DISTRO", "ARCH", "VERSION", "SIZE", "STATE", "SOURCE"});
  for (const kernel::v1::CatalogEntry& entry : entries.entries())
    table.AddRow({IdOf(entry.name()), entry.distro(), entry.arch(), entry.kernel_version(),
                  entry.size_bytes() == 0 ? "" : HumanSize(entry.size_bytes()), StateName(entry.state()),
                  entry.catalog()});
  return table.Render();
}

}  // namespace banger::cli
