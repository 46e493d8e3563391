#include "cli/commands/vm_snapshots_table.h"

#include "cli/names.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "cli/output/time.h"

namespace banger::cli {

std::string SnapshotTable(const vm::v1::ListVmSnapshotsResponse& snapshots,
                          std::chrono::system_clock::time_point now) {
  Table table({"NAME", "CREATED", "MEMORY", "ON DISK", "KERNEL", "VMM"});
  for (const vm::v1::Snapshot& snapshot : snapshots.snapshots())
    table.AddRow({SnapshotIdOf(snapshot.name()), HumanAge(ToTime(snapshot.create_time()), now),
                  snapshot.has_memory() ? HumanSize(snapshot.memory_mib() << 20) : "",
                  HumanSize(snapshot.used_bytes()), snapshot.kernel(),
                  snapshot.has_memory() ? snapshot.vmm() + " " + snapshot.vmm_version() : ""});
  return table.Render();
}

}  // namespace banger::cli
