#include "common/tree/tree_receiver.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace fs = std::filesystem;
namespace {

// Only the disk and the user's patience say how much is too much.
constexpr ArchiveLimits kLimits{.max_entries = 100'000'000,
                                .max_bytes = std::numeric_limits<std::int64_t>::max() / 2};

// A directory, and what the root of the tree is called in it; "" is the directory.
struct Place {
  UniqueFd directory;
  std::string name;
};

absl::Status Wrong(const fs::path& path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("'", path.string(), "' ", why));
}

absl::StatusOr<Place> In(const fs::path& directory, std::string name) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(directory.empty() ? "." : directory, O_PATH | O_DIRECTORY));
  return Place{std::move(fd), std::move(name)};
}

absl::StatusOr<Place> PlaceTree(const TreeDestination& to, bool is_directory) {
  const std::string& text = to.path.native();
  const bool slash = absl::EndsWith(text, "/");
  struct stat info {};
  if (!to.through_link && !slash && ::lstat(text.c_str(), &info) == 0 && S_ISLNK(info.st_mode) &&
      ::stat(text.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return Wrong(to.path, "is a symbolic link; write it with '/' behind to copy into what it leads to");
  if (::stat(text.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return In(to.path, to.name);
  const bool missing = ::lstat(text.c_str(), &info) < 0;
  if (!missing && is_directory) return Wrong(to.path, "is there and no directory");
  const fs::path plain = slash ? to.path.parent_path() : to.path;
  if (slash && !is_directory) return absl::NotFoundError(absl::StrCat("there is no directory '", text, "'"));
  const std::string base = plain.filename().string();
  if (to.make_parents) BANGER_RETURN_IF_ERROR(MakeDirectories(plain.parent_path(), 0755));
  absl::StatusOr<Place> place = In(plain.parent_path(), base);
  if (base.empty() || base == "." || base == ".." || absl::IsNotFound(place.status()))
    return absl::NotFoundError(
        absl::StrCat("there is no directory '", plain.parent_path().string(), "' for '", base, "'"));
  return place;
}

// What the archive calls `name/x` is called `place/x`.
absl::StatusOr<std::string> Rename(const std::string& path, const std::string& from, const std::string& to) {
  std::string rest = path;
  if (!from.empty()) {
    if (path != from && !absl::StartsWith(path, from + "/"))
      return absl::InvalidArgumentError(
          absl::StrCat("member '", PrintableArchivePath(path), "' is not what was asked for"));
    rest = path == from ? "" : path.substr(from.size() + 1);
  }
  if (rest.empty() || to.empty()) return rest.empty() ? to : rest;
  return absl::StrCat(to, "/", rest);
}

absl::Status CheckName(const std::string& name) {
  BANGER_ASSIGN_OR_RETURN(const std::string normal, NormalizeArchivePath(name.empty() ? "." : name));
  if (normal != name || normal.find('/') != std::string::npos)
    return absl::InvalidArgumentError(
        absl::StrCat("'", PrintableArchivePath(name), "' is no name of a file"));
  return absl::OkStatus();
}

class Receiver {
 public:
  Receiver(ArchiveReader& archive, const TreeDestination& to, const ExtractOptions& options,
           const std::stop_token& stop)
      : archive_(archive), to_(to), options_(options), stop_(stop) {}

  absl::Status Run() {
    for (;;) {
      BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> entry, archive_.Next());
      if (!entry.has_value()) break;
      BANGER_RETURN_IF_ERROR(Add(*entry));
    }
    if (!extractor_.has_value()) return absl::InvalidArgumentError("the archive is empty");
    return extractor_->Finish();
  }

  ReceivedTree result() const {
    if (!extractor_.has_value()) return {};
    return {extractor_->file_count(), extractor_->bytes(), extractor_->warnings()};
  }

 private:
  absl::Status Add(const ArchiveEntry& entry) {
    BANGER_ASSIGN_OR_RETURN(const std::string path, NormalizeArchivePath(entry.path));
    if (!extractor_.has_value()) {
      const bool is_directory = to_.name.empty() || entry.type == ArchiveEntry::Type::kDirectory;
      BANGER_ASSIGN_OR_RETURN(Place place, PlaceTree(to_, is_directory));
      name_ = std::move(place.name);
      extractor_.emplace(std::move(place.directory), options_, stop_);
    }
    BANGER_ASSIGN_OR_RETURN(const std::string renamed, Rename(path, to_.name, name_));
    if (path == to_.name && entry.type != ArchiveEntry::Type::kDirectory &&
        entry.type != ArchiveEntry::Type::kFile)
      return absl::InvalidArgumentError("what was asked for is neither a file nor a directory");
    std::string target;
    if (entry.type == ArchiveEntry::Type::kHardLink) {
      BANGER_ASSIGN_OR_RETURN(const std::string linked, NormalizeArchivePath(entry.link_target));
      BANGER_ASSIGN_OR_RETURN(target, Rename(linked, to_.name, name_));
    }
    return extractor_->Add(entry, renamed, target, archive_);
  }

  ArchiveReader& archive_;
  const TreeDestination& to_;
  const ExtractOptions& options_;
  const std::stop_token& stop_;
  std::string name_;
  std::optional<TreeExtractor> extractor_;
};

}  // namespace

absl::StatusOr<ReceivedTree> ReceiveTree(ByteSource& tar, const TreeDestination& destination,
                                         const ExtractOptions& options, const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckName(destination.name));
  BANGER_ASSIGN_OR_RETURN(ArchiveReader archive, ArchiveReader::OpenPlainTar(tar, kLimits));
  archive.StopOn(stop);
  Receiver receiver(archive, destination, options, stop);
  absl::Status received = receiver.Run();
  if (received.ok()) received = CheckPadding(archive, tar);
  ReceivedTree result = receiver.result();
  if (received.ok()) return result;
  if (result.files == 0) return received;
  return Annotate(received, absl::StrCat("after ", result.files, result.files == 1 ? " file" : " files"));
}

}  // namespace banger
