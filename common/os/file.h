// Whole-file and directory operations. Errors name the path and what was tried;
// their codes are absl's for the errno.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/os/unique_fd.h"

namespace banger {

// open(2), always close-on-exec.
absl::StatusOr<UniqueFd> OpenFile(const std::filesystem::path& path, int flags, unsigned mode = 0600);

// Refuses files of more than `max_bytes` (OUT_OF_RANGE).
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, std::int64_t max_bytes = 64 << 20);

// Reads until `size` bytes or end-of-file; the number read.
absl::StatusOr<std::size_t> ReadFully(int fd, char* data, std::size_t size);

// write(2) until all is written.
absl::Status WriteFully(int fd, absl::string_view data);

// Replaces the file as a whole: readers see the old content or the new one,
// also after a crash (write to a temporary name, fsync, rename, fsync of the
// directory).
absl::Status WriteFileAtomically(const std::filesystem::path& path, absl::string_view content,
                                 unsigned mode = 0600);

// mkdir -p; new directories get `mode`.
absl::Status MakeDirectories(const std::filesystem::path& path, unsigned mode = 0700);

// Flushes a directory's entries, so that a rename in it survives a crash.
absl::Status SyncDirectory(const std::filesystem::path& path);

// rename(2), then SyncDirectory of the target's parent. Replaces a file; a
// directory only when it is empty.
absl::Status RenameDurably(const std::filesystem::path& from, const std::filesystem::path& to);

// unlink(2), then SyncDirectory of its parent; fine when there is nothing.
absl::Status RemoveFileDurably(const std::filesystem::path& path);

// rm -rf; fine when there is nothing.
absl::Status RemoveTree(const std::filesystem::path& path);

// A copy of `from` at `to`, which must not exist: by reflink where the file
// system can, else by copy_file_range; holes stay holes.
absl::Status CloneFile(const std::filesystem::path& from, const std::filesystem::path& to,
                       unsigned mode = 0600);

// What the file takes on disk, in bytes.
absl::StatusOr<std::int64_t> DiskUsage(const std::filesystem::path& path);

}  // namespace banger
