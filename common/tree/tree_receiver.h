#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"
#include "common/tree/tree_extractor.h"

namespace banger {

// Where a tree goes, as `docker cp` has it:
//
//   what comes          DST is missing       DST is a directory   DST is something else
//   a file              becomes DST          DST/NAME             is replaced
//   a directory         becomes DST          DST/NAME             refused
//   what is in one      in a new DST         in DST               refused
//
// The directory that DST is in has to be there, see make_parents; so has DST itself for a file when
// it ends with "/".
struct TreeDestination {
  std::filesystem::path path;  // DST
  // NAME, one component: the archive holds nothing else. Empty: what is in a
  // directory, which is all that the archive holds.
  std::string name;
  // Also where DST itself is a symbolic link to a directory, without "/" behind it.
  bool through_link = true;
  // Makes the directories above DST that are missing.
  bool make_parents = false;
};

struct ReceivedTree {
  std::int64_t files = 0;  // regular ones
  std::int64_t bytes = 0;  // of them, without holes
  std::vector<std::string> warnings;
};

// Reads a plain tar to its end and writes what it holds, see TreeExtractor. Errors
// say how much is there already. FAILED_PRECONDITION and NOT_FOUND: what is wrong
// with DST; INVALID_ARGUMENT: with the archive.
absl::StatusOr<ReceivedTree> ReceiveTree(ByteSource& tar, const TreeDestination& destination,
                                         const ExtractOptions& options, const std::stop_token& stop);

}  // namespace banger
