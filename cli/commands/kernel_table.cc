#include "cli/commands/kernel_table.h"

#include "banger/kernel/v1/kernel_service.pb.h"
#include "cli/names.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "cli/output/time.h"

namespace banger::cli {

std::string KernelTable(const kernel::v1::ListKernelsResponse& kernels,
                        std::chrono::system_clock::time_point now) {
  Table table({"NAME", "DISTRO", "ARCH", "VERSION", "SIZE", "IMPORTED", "SOURCE"});
  for (const kernel::v1::Kernel& kernel : kernels.kernels())
    table.AddRow({IdOf(kernel.name()), kernel.distro(), kernel.arch(), kernel.kernel_version(),
                  HumanSize(kernel.size_bytes()), HumanAge(ToTime(kernel.import_time()), now),
                  kernel.source()});
  return table.Render();
}

}  // namespace banger::cli
