#include "cli/update/journal.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "cli/update/staging.h"
#include "common/json/fields.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

// Of the journal's format: whoever updates next may be another version than this one.
constexpr std::int64_t kFormat = 1;

absl::StatusOr<SwapItem> ItemFrom(const Json& json) {
  SwapItem item;
  std::int64_t inode = 0, replaces = 0;
  BANGER_RETURN_IF_ERROR(TakeStrings(json, {{"path", &item.path}, {"probe", &item.probe}}));
  BANGER_RETURN_IF_ERROR(TakeCount(json, "inode", inode));
  BANGER_RETURN_IF_ERROR(TakeCount(json, "replaces", replaces));
  if (item.path.empty() || ItemOf(item.path) != item.path || ItemOf(item.probe) != item.path || inode == 0)
    return absl::DataLossError("an item is none");
  item.inode = static_cast<std::uint64_t>(inode);
  item.replaces = replaces != 0;
  return item;
}

}  // namespace

absl::StatusOr<std::vector<SwapItem>> PlanSwap(const fs::path& tree, const fs::path& prefix,
                                               const std::set<std::string>& files) {
  std::vector<SwapItem> plan;
  for (const std::string& file : files) {
    const std::string path = ItemOf(file);
    // Of one item they follow each other.
    if (!plan.empty() && plan.back().path == path) continue;
    struct stat staged {
    }, there{};
    if (::lstat((tree / file).c_str(), &staged) < 0)
      return ErrnoError(errno, absl::StrCat("look at '", (tree / file).string(), "'"));
    const bool replaces = ::lstat((prefix / path).c_str(), &there) == 0;
    if (!replaces && errno != ENOENT)
      return ErrnoError(errno, absl::StrCat("look at '", (prefix / path).string(), "'"));
    plan.push_back({.path = path, .probe = file, .inode = staged.st_ino, .replaces = replaces});
  }
  // The command is the last to change and the first to come back.
  std::stable_partition(plan.begin(), plan.end(),
                        [](const SwapItem& item) { return item.path != "bin/banger"; });
  return plan;
}

absl::Status WriteJournal(const fs::path& file, const Journal& journal) {
  Json items = Json::array();
  for (const SwapItem& item : journal.items)
    items.push_back({{"path", item.path},
                     {"probe", item.probe},
                     {"inode", item.inode},
                     {"replaces", item.replaces ? 1 : 0}});
  const Json json = {{"format", kFormat},
                     {"from", journal.from},
                     {"to", journal.to},
                     {"to_commit", journal.to_commit},
                     {"items", items}};
  return WriteFileAtomically(file, json.dump(2) + "\n");
}

absl::StatusOr<Journal> ReadJournal(const fs::path& file) {
  const auto wrong = [&file](absl::string_view why) {
    return absl::DataLossError(absl::StrCat("journal '", file.string(), "': ", why));
  };
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  const absl::StatusOr<Json> json = ParseJsonObject(text);
  Journal journal;
  std::int64_t format = 0;
  absl::Status status = json.status();
  if (status.ok()) status = TakeCount(*json, "format", format);
  if (status.ok())
    status =
        TakeStrings(*json, {{"from", &journal.from}, {"to", &journal.to}, {"to_commit", &journal.to_commit}});
  if (!status.ok()) return wrong(status.message());
  if (format != kFormat) return wrong("it is of another banger's format");
  const auto items = json->find("items");
  if (items == json->end() || !items->is_array() || items->empty()) return wrong("it has no items");
  for (const Json& entry : *items) {
    const absl::StatusOr<SwapItem> item =
        entry.is_object() ? ItemFrom(entry) : absl::DataLossError("an item is none");
    if (!item.ok()) return wrong(item.status().message());
    journal.items.push_back(*item);
  }
  return journal;
}

}  // namespace banger::cli
