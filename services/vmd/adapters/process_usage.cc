#include "services/vmd/adapters/process_usage.h"

#include <unistd.h>

#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kMaxFile = 1 << 20;

std::string Content(const fs::path& path) { return ReadFile(path, kMaxFile).value_or(""); }

std::int64_t Number(absl::string_view text) {
  std::int64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

// The first word after "NAME:" at the begin of a line.
std::string Field(absl::string_view text, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, name) || !absl::ConsumePrefix(&line, ":")) continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    return words.empty() ? "" : std::string(words.front());
  }
  return "";
}

// State and CPU times stand behind the name, which may hold anything.
void ReadStat(const std::string& stat, HostUsage& usage) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(stat).substr(name_end + 1), ' ', absl::SkipEmpty());
  if (fields.size() < 13) return;
  usage.stopped = fields[0] == "T" || fields[0] == "t";
  const std::int64_t ticks = Number(fields[11]) + Number(fields[12]);
  usage.cpu_time = std::chrono::microseconds(ticks * 1'000'000 / ::sysconf(_SC_CLK_TCK));
}

std::int64_t ReadMemory(const fs::path& process) {
  if (const std::string rollup = Content(process / "smaps_rollup"); !rollup.empty())
    return Number(Field(rollup, "Pss")) << 10;
  const std::vector<std::string> pages = absl::StrSplit(Content(process / "statm"), ' ');
  return pages.size() < 2 ? 0 : Number(pages[1]) * ::sysconf(_SC_PAGESIZE);
}

// The interface of the tap that the process holds open; empty when it has none.
std::string FindTap(const fs::path& process) {
  std::error_code error;
  for (fs::directory_iterator entry(process / "fdinfo", error), end; !error && entry != end;
       entry.increment(error))
    if (std::string name = Field(Content(entry->path()), "iff"); !name.empty()) return name;
  return "";
}

// What the host sends into a tap is what the guest receives.
void ReadNetwork(const fs::path& process, HostUsage& usage) {
  const std::string tap = FindTap(process);
  if (tap.empty()) return;
  const std::string devices = Content(process / "net/dev");
  for (absl::string_view line : absl::StrSplit(devices, '\n')) {
    line = absl::StripLeadingAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, tap) || !absl::ConsumePrefix(&line, ":")) continue;
    const std::vector<absl::string_view> numbers = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (numbers.size() < 9) return;
    usage.network_sent_bytes = Number(numbers[0]);
    usage.network_received_bytes = Number(numbers[8]);
    return;
  }
}

}  // namespace

absl::StatusOr<HostUsage> ProcessUsage::Measure(pid_t vmm) {
  const fs::path process = proc_ / absl::StrCat(vmm);
  BANGER_ASSIGN_OR_RETURN(const std::string stat, ReadFile(process / "stat", kMaxFile));
  HostUsage usage{.when = std::chrono::steady_clock::now()};
  ReadStat(stat, usage);
  usage.memory_bytes = ReadMemory(process);
  const std::string io = Content(process / "io");
  usage.disk_read_bytes = Number(Field(io, "read_bytes"));
  usage.disk_written_bytes = Number(Field(io, "write_bytes"));
  ReadNetwork(process, usage);
  return usage;
}

}  // namespace banger::vmd
