#include "cli/update/staging.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <regex>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/archive/archive_path.h"
#include "common/archive/archive_reader.h"
#include "common/archive/zstd_source.h"
#include "common/catalog/download.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/tree/tree_extractor.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

using Type = ArchiveEntry::Type;

constexpr char kDirectory[] = ".banger-update";
constexpr char kJournal[] = "journal.json";
constexpr ArchiveLimits kLimits{.max_entries = 20'000, .max_bytes = std::int64_t{4} << 30};
// Below which scripts/release installs, so what its units name.
constexpr char kPrefixOfReleases[] = "/usr/local/libexec/banger/";
constexpr std::int64_t kProgressStep = 1 << 20;

absl::Status TryToExchange(const fs::path& directory) {
  const fs::path one = directory / "one", other = directory / "other";
  BANGER_RETURN_IF_ERROR(OpenFile(one, O_WRONLY | O_CREAT).status());
  BANGER_RETURN_IF_ERROR(OpenFile(other, O_WRONLY | O_CREAT).status());
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) < 0)
    return absl::FailedPreconditionError(
        absl::StrCat("the file system of '", directory.string(),
                     "' cannot exchange two files in one step: ", ErrnoError(errno, "renameat2").message()));
  return absl::OkStatus();
}

absl::Status CheckMember(const ArchiveEntry& entry, const std::string& path) {
  const auto refused = [&path](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("'", PrintableArchivePath(path), "' ", why));
  };
  if (entry.type != Type::kFile && entry.type != Type::kDirectory)
    return refused("is neither a file nor a directory");
  if ((entry.mode & 07000) != 0) return refused("has a mode that runs it as somebody else");
  if (entry.type == Type::kFile && ItemOf(path).empty()) return refused("is nothing of banger's");
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::string>> Extract(const fs::path& tarball, const fs::path& tree,
                                              const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(MakeDirectories(tree, 0755));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(tarball, O_RDONLY));
  FdSource bytes(file.get());
  ZstdSource plain(bytes);
  BANGER_ASSIGN_OR_RETURN(ArchiveReader archive, ArchiveReader::OpenPlainTar(plain, kLimits));
  archive.StopOn(stop);
  BANGER_ASSIGN_OR_RETURN(UniqueFd root, OpenFile(tree, O_PATH | O_DIRECTORY));
  std::set<std::string> files;
  TreeExtractor extractor(std::move(root), {.keep_metadata = false, .max_depth = 32, .files = &files}, stop);
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> entry, archive.Next());
    if (!entry.has_value()) break;
    BANGER_ASSIGN_OR_RETURN(const std::string path, NormalizeArchivePath(entry->path));
    if (!path.empty()) BANGER_RETURN_IF_ERROR(CheckMember(*entry, path));
    BANGER_RETURN_IF_ERROR(extractor.Add(*entry, path, "", archive));
  }
  BANGER_RETURN_IF_ERROR(CheckPadding(archive, plain));
  BANGER_RETURN_IF_ERROR(extractor.Finish());
  return files;
}

// What a later banger may well have no longer is not asked for.
absl::Status CheckNothingIsMissing(const std::set<std::string>& files) {
  for (const char* file : {"bin/banger", "lib/systemd/system/banger.target", "libexec/banger/banger-gateway",
                           "libexec/banger/banger-vmd", "share/banger/config.toml"})
    if (!files.contains(file)) return absl::InvalidArgumentError(absl::StrCat("there is no '", file, "'"));
  return absl::OkStatus();
}

// Units name programs by the prefix.
absl::Status NamePrefix(const fs::path& unit, const fs::path& prefix) {
  static const std::regex start("(^|\n)ExecStart[^=\n]*=([^\n]*)");
  const std::string libexec = (prefix / "libexec/banger/").string();
  BANGER_ASSIGN_OR_RETURN(std::string text, ReadFile(unit, 1 << 20));
  text = absl::StrReplaceAll(text, {{kPrefixOfReleases, libexec}});
  for (std::sregex_iterator found(text.begin(), text.end(), start), end; found != end; ++found)
    if (!absl::StartsWith((*found)[2].str(), libexec))
      return absl::InvalidArgumentError(
          absl::StrCat("'", unit.filename().string(), "' starts something else than banger's programs"));
  return WriteFileAtomically(unit, text, 0644);
}

}  // namespace

Staging::Staging(const fs::path& prefix) : prefix_(prefix), directory_(prefix / kDirectory) {}

fs::path Staging::journal() const { return directory_ / kJournal; }

absl::StatusOr<Staging> Staging::Create(const fs::path& prefix) {
  if (Find(prefix).has_value())
    return absl::FailedPreconditionError("an earlier update has not been decided yet");
  Staging staging(prefix);
  BANGER_RETURN_IF_ERROR(RemoveTree(staging.directory_));
  BANGER_RETURN_IF_ERROR(MakeDirectories(staging.directory_, 0700));
  BANGER_RETURN_IF_ERROR(TryToExchange(staging.directory_));
  return staging;
}

std::optional<Staging> Staging::Find(const fs::path& prefix) {
  Staging staging(prefix);
  std::error_code error;
  if (fs::exists(staging.journal(), error)) return staging;
  staging.directory_.clear();
  return std::nullopt;
}

Staging::~Staging() {
  std::error_code error;
  if (!directory_.empty() && !fs::exists(journal(), error)) RemoveTree(directory_).IgnoreError();
}

fs::path JournalOf(const fs::path& prefix) { return prefix / kDirectory / kJournal; }

std::string ItemOf(const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  static const std::set<std::string> kTop = {"bin", "lib", "libexec", "share"};
  if (!kTop.contains(parts[0])) return "";
  std::string item = parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) {
    absl::StrAppend(&item, "/", parts[i]);
    if (absl::StartsWith(parts[i], "banger") || absl::StartsWith(parts[i], "_banger")) return item;
  }
  return "";
}

absl::Status Download(const Release& release, const Staging& staging, const http::FetchOptions& fetch,
                      const ProgressFn& progress, const std::stop_token& stop) {
  const std::shared_ptr<ByteSource> bytes = catalog::OpenDownload(release.tarball, fetch, progress, stop);
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(staging.tarball(), O_WRONLY | O_CREAT | O_EXCL));
  std::vector<char> buffer(256 << 10);
  std::int64_t done = 0, told = -kProgressStep;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, bytes->Read(buffer));
    if (count == 0) return absl::OkStatus();
    BANGER_RETURN_IF_ERROR(Annotate(WriteFully(file.get(), absl::string_view(buffer.data(), count)),
                                    staging.tarball().string()));
    done += static_cast<std::int64_t>(count);
    if (done - told < kProgressStep) continue;
    progress({.stage = "download", .done_bytes = done, .total_bytes = release.tarball.size_bytes});
    told = done;
  }
}

absl::StatusOr<std::set<std::string>> Unpack(const Staging& staging, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const std::set<std::string> files,
                          Extract(staging.tarball(), staging.tree(), stop));
  BANGER_RETURN_IF_ERROR(CheckNothingIsMissing(files));
  for (const std::string& file : files)
    if (absl::StartsWith(file, "lib/systemd/system/"))
      BANGER_RETURN_IF_ERROR(NamePrefix(staging.tree() / file, staging.prefix()));
  BANGER_RETURN_IF_ERROR(RemoveFileDurably(staging.tarball()));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd root, OpenFile(staging.tree(), O_RDONLY | O_DIRECTORY));
  if (::syncfs(root.get()) < 0)
    return ErrnoError(errno, absl::StrCat("sync '", staging.tree().string(), "'"));
  return files;
}

}  // namespace banger::cli
