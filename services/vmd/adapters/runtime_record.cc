#include "services/vmd/adapters/runtime_record.h"

#include <nlohmann/json.hpp>

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

}  // namespace banger::vmd
