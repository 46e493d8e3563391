#include "services/vmd/adapters/runtime_record.h"

#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::vmd {

using nlohmann::json;

absl::Status WriteRuntimeRecord(const std::filesystem::path& path, const RuntimeRecord& record) {
  const json document = {{"pid", record.process.pid},
                         {"start_ticks", record.process.start_ticks},
                         {"boot_id", record.process.boot_id},
                         {"vmm", record.vmm},
                         {"console_begin", record.console_begin}};
  return WriteFileAtomically(path, document.dump(2) + "\n");
}

absl::StatusOr<RuntimeRecord> ReadRuntimeRecord(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 1 << 16));
  const absl::Status broken =
      absl::DataLossError(absl::StrCat("'", path.string(), "' is not a runtime record"));
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return broken;
  try {
    return RuntimeRecord{.process = {.pid = document.at("pid").get<pid_t>(),
                                     .start_ticks = document.at("start_ticks").get<std::uint64_t>(),
                                     .boot_id = document.at("boot_id").get<std::string>()},
                         .vmm = document.at("vmm").get<std::string>(),
                         .console_begin = document.at("console_begin").get<std::int64_t>()};
  } catch (const json::exception&) {
    return broken;
  }
}

void RemoveRuntimeRecord(const std::filesystem::path& path) {
  std::error_code error;
  std::vector<std::filesystem::path> parts;
  for (std::filesystem::directory_iterator entry(path.parent_path(), error), end; !error && entry != end;
       entry.increment(error))
    if (absl::StartsWith(entry->path().string(), path.string())) parts.push_back(entry->path());
  for (const std::filesystem::path& part : parts) std::filesystem::remove(part, error);
}

}  // namespace banger::vmd
