// A release on its way into a prefix: downloaded, verified and unpacked beside what it is
// to replace, on the same file system.
//
//   PREFIX/.banger-update/
//     release.tar.zst   while it is fetched
//     tree/             as below the prefix; once it is swapped in, what was there before
//     journal.json      while it is not decided which of both stays (journal.h)
//     store/            vmd's database as it was (store_backup.h)
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/update/manifest.h"
#include "common/http/http_source.h"
#include "common/sync/progress.h"

namespace banger::cli {

// The directory, which is removed with this object unless it has a journal.
class Staging {
 public:
  // Removes what an earlier one left. FAILED_PRECONDITION when that has a journal, or when
  // the file system cannot exchange two files.
  static absl::StatusOr<Staging> Create(const std::filesystem::path& prefix);
  // One with a journal; nothing without.
  static std::optional<Staging> Find(const std::filesystem::path& prefix);
  Staging(Staging&& other) noexcept
      : prefix_(std::exchange(other.prefix_, {})), directory_(std::exchange(other.directory_, {})) {}
  ~Staging();

  const std::filesystem::path& prefix() const { return prefix_; }
  std::filesystem::path tarball() const { return directory_ / "release.tar.zst"; }
  std::filesystem::path tree() const { return directory_ / "tree"; }
  std::filesystem::path journal() const;
  std::filesystem::path store() const { return directory_ / "store"; }

 private:
  explicit Staging(const std::filesystem::path& prefix);

  std::filesystem::path prefix_;
  std::filesystem::path directory_;  // empty once moved from
};

// That of an update below `prefix`, which is there until it is decided.
std::filesystem::path JournalOf(const std::filesystem::path& prefix);

// The name below a prefix that stands for `path`, and is replaced as a whole: up to the
// first part that is called after banger. "libexec/banger" of "libexec/banger/guest/ld.so".
// Empty for what no release may have.
std::string ItemOf(const std::string& path);

// Fetches the tarball; DATA_LOSS for other bytes than the list says. `fetch`: how patiently.
absl::Status Download(const Release& release, const Staging& staging, const http::FetchOptions& fetch,
                      const ProgressFn& progress, const std::stop_token& stop);

// Unpacks it: files and directories below the names that a release may have, as files of
// ours. INVALID_ARGUMENT for all else, and when something is missing that banger needs. Has
// its units name the prefix. On disk when it returns. Gives the files.
absl::StatusOr<std::set<std::string>> Unpack(const Staging& staging, const std::stop_token& stop);

}  // namespace banger::cli
