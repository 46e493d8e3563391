#include "cli/update/swap.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

bool IsIn(const SwapItem& item, const fs::path& prefix) {
  struct stat found {};
  return ::lstat((prefix / item.probe).c_str(), &found) == 0 && found.st_ino == item.inode;
}

absl::Status Rename(const fs::path& from, const fs::path& to, unsigned flags, const char* what) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat(what, " '", from.string(), "' and '", to.string(), "'"));
}

absl::Status Sync(const fs::path& prefix) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd directory, OpenFile(prefix, O_RDONLY | O_DIRECTORY));
  if (::syncfs(directory.get()) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("sync '", prefix.string(), "'"));
}

}  // namespace

absl::Status Mover::Exchange(const fs::path& one, const fs::path& other) {
  return Rename(one, other, RENAME_EXCHANGE, "exchange");
}

absl::Status Mover::Move(const fs::path& from, const fs::path& to) {
  return Rename(from, to, RENAME_NOREPLACE, "rename");
}

Swapped HowFar(const std::vector<SwapItem>& items, const fs::path& prefix) {
  const auto in = static_cast<std::size_t>(
      std::count_if(items.begin(), items.end(), [&](const SwapItem& item) { return IsIn(item, prefix); }));
  return in == 0 ? Swapped::kNothing : in == items.size() ? Swapped::kAll : Swapped::kSome;
}

absl::Status SwapIn(const std::vector<SwapItem>& items, const fs::path& tree, const fs::path& prefix,
                    Mover& mover) {
  for (const SwapItem& item : items) {
    if (IsIn(item, prefix)) continue;
    const fs::path staged = tree / item.path, place = prefix / item.path;
    BANGER_RETURN_IF_ERROR(MakeDirectories(place.parent_path(), 0755));
    BANGER_RETURN_IF_ERROR(item.replaces ? mover.Exchange(staged, place) : mover.Move(staged, place));
  }
  return Sync(prefix);
}

absl::Status SwapBack(const std::vector<SwapItem>& items, const fs::path& tree, const fs::path& prefix,
                      Mover& mover) {
  absl::Status back;
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    if (!IsIn(*item, prefix)) continue;
    const fs::path staged = tree / item->path, place = prefix / item->path;
    back = JoinErrors(back, item->replaces ? mover.Exchange(staged, place) : mover.Move(place, staged));
  }
  return JoinErrors(back, Sync(prefix));
}

}  // namespace banger::cli
