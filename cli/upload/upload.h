// The bytes that an import streams: the CLI reads them with the user's own
// rights, so that no daemon opens a path that a caller names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/wake.h"
#include "common/os/unique_fd.h"

namespace banger::cli {

// Takes at most 1 MiB at a time; an error ends the production.
using Sink = std::function<absl::Status(absl::string_view)>;

// A file or tree on the way into a tar.
struct PackedMember {
  std::filesystem::path path;
  std::string name;
};

// A file, a pipe, or a directory that is packed as a tar while it is sent.
class Upload {
 public:
  // `path` "-" is stdin, unless it is a terminal. Reads the beginning.
  static absl::StatusOr<Upload> OfFile(const std::string& path);

  // stdin as it comes: who waits for its first byte hears a wake.
  static absl::StatusOr<Upload> OfStdin();

  // Packs those `members` of the directory that exist, in that order, with their
  // names; symbolic links are kept, hard links become files.
  static Upload OfDirectory(const std::filesystem::path& directory, std::vector<std::string> members);

  // The same for files from anywhere; `source` is what it is called.
  static Upload OfMembers(const std::string& source, std::vector<PackedMember> members);

  // The first bytes of a file, at most 1 MiB: enough to tell what it is.
  const std::string& beginning() const { return beginning_; }
  // 0 when not known.
  std::int64_t total_bytes() const { return total_bytes_; }
  // The file's name without its path, "stdin" for "-".
  const std::string& source() const { return source_; }

  // Gives all bytes to the sink. CANCELLED soon after `wake`.
  absl::Status Produce(const Sink& sink, const Wake& wake) const;

 private:
  static absl::StatusOr<Upload> Open(const std::string& path);
  absl::Status SendFile(const Sink& sink, const Wake& wake) const;

  UniqueFd fd_;
  std::string beginning_;
  bool has_all_ = false;  // in beginning_
  std::vector<PackedMember> members_;
  std::int64_t total_bytes_ = 0;
  std::string source_;
};

// Packs those that exist as a tar.
absl::Status Pack(const std::vector<PackedMember>& members, const Sink& sink);

}  // namespace banger::cli
