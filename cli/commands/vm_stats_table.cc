#include "cli/commands/vm_stats_table.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/names.h"
#include "cli/output/table.h"
#include "cli/output/text.h"

namespace banger::cli {
namespace {

std::string Pair(std::int64_t a, std::int64_t b) { return absl::StrCat(HumanSize(a), " / ", HumanSize(b)); }

std::vector<std::string> Row(const vm::v1::VmStats& stats) {
  const vm::v1::VmStats::Host& host = stats.host();
  const vm::v1::VmStats::Guest& guest = stats.guest();
  const bool up = stats.has_host();
  const bool answered = stats.has_guest();
  return {IdOf(stats.name()),
          stats.has_cpu_percent() ? absl::StrFormat("%.1f%%", stats.cpu_percent()) : "",
          up ? HumanSize(host.memory_bytes()) : "",
          answered
              ? Pair(guest.memory_total_bytes() - guest.memory_available_bytes(), guest.memory_total_bytes())
              : "",
          answered ? absl::StrFormat("%.2f", guest.load()) : "",
          HumanSize(stats.disk_used_bytes()),
          up ? Pair(host.disk_read_bytes(), host.disk_written_bytes()) : "",
          up ? Pair(host.network_received_bytes(), host.network_sent_bytes()) : "",
          stats.state_detail()};
}

}  // namespace

std::string VmStatsTable(const vm::v1::GetVmStatsResponse& stats) {
  Table table(
      {"NAME", "CPU", "HOST MEM", "GUEST MEM", "LOAD", "DISK", "READ / WRITTEN", "NET IN / OUT", "PROBLEM"});
  for (const vm::v1::VmStats& one : stats.stats()) table.AddRow(Row(one));
  return table.Render();
}

}  // namespace banger::cli
