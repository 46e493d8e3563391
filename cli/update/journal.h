// What an update is about to replace, written before it begins and removed when it is
// decided: while there is a journal, the next update finishes this one or takes it back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger::cli {

// A file, or a directory that is banger's alone, below the prefix.
struct SwapItem {
  std::string path;
  // A file of what is new, the item itself or one in it: what is in place tells by that
  // which of both it is. (Not by the directory: on overlayfs its number may change.)
  std::string probe;
  std::uint64_t inode = 0;
  // Something is there before, with which it is exchanged.
  bool replaces = false;
};

struct Journal {
  std::string from;  // versions
  std::string to;
  std::string to_commit;
  std::vector<SwapItem> items;
};

// Looks at what is there. `files`: all that are staged, as Unpack gives them.
absl::StatusOr<std::vector<SwapItem>> PlanSwap(const std::filesystem::path& tree,
                                               const std::filesystem::path& prefix,
                                               const std::set<std::string>& files);

absl::Status WriteJournal(const std::filesystem::path& file, const Journal& journal);
// DATA_LOSS for what is none.
absl::StatusOr<Journal> ReadJournal(const std::filesystem::path& file);

}  // namespace banger::cli
