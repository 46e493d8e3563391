#include "services/imaged/adapters/root_tree.h"

#include <algorithm>
#include <deque>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/archive/archive_path.h"
#include "common/os/os_release.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/elf_machine.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

using ext4::Attributes;
using ext4::Inode;
using ext4::Type;

constexpr int kMaxSymlinks = 40;
constexpr std::size_t kMaxOsReleaseBytes = 64 << 10;
constexpr char kWhiteoutPrefix[] = ".wh.";
constexpr char kOpaque[] = ".wh..wh..opq";

bool IsStorableXattr(const std::string& name) {
  return absl::StartsWith(name, "user.") || absl::StartsWith(name, "trusted.") ||
         absl::StartsWith(name, "security.") || name == "system.posix_acl_access" ||
         name == "system.posix_acl_default";
}

// What other systems keep in xattrs has no place here and is left out, as tar
// does it; times that ext4 cannot hold become the nearest that it can.
absl::StatusOr<Attributes> AttributesOf(const ArchiveEntry& entry) {
  constexpr std::uint64_t kMaxId = std::numeric_limits<std::uint32_t>::max();
  if (entry.uid >= kMaxId || entry.gid >= kMaxId)
    return absl::InvalidArgumentError(absl::StrCat("no owner can be ", entry.uid, ":", entry.gid));
  Attributes attributes{.mode = entry.mode & 07777,
                        .uid = static_cast<std::uint32_t>(entry.uid),
                        .gid = static_cast<std::uint32_t>(entry.gid)};
  constexpr std::int64_t kEarliest = -(std::int64_t{1} << 31);
  constexpr std::int64_t kLatest = (std::int64_t{15} << 30) - 1;
  attributes.mtime_seconds = std::clamp(entry.mtime_seconds, kEarliest, kLatest);
  if (attributes.mtime_seconds == entry.mtime_seconds && entry.mtime_nanoseconds >= 0 &&
      entry.mtime_nanoseconds < 1000000000)
    attributes.mtime_nanoseconds = static_cast<std::uint32_t>(entry.mtime_nanoseconds);
  for (const auto& [name, value] : entry.xattrs)
    if (IsStorableXattr(name)) attributes.xattrs.emplace(name, value);
  return attributes;
}

std::pair<std::string, std::string> SplitPath(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

// In front of what is still to be walked.
void Prepend(std::deque<std::string>& rest, const std::string& target) {
  std::vector<std::string> components = absl::StrSplit(target, '/', absl::SkipEmpty());
  rest.insert(rest.begin(), components.begin(), components.end());
}

// The reader's limits are RESOURCE_EXHAUSTED too, so the disk's end is told apart
// where it happens.
absl::Status Written(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? DiskFull(status.message()) : status;
}

// INVALID_ARGUMENT is about the member; all else is not.
absl::Status ForMember(const absl::Status& status, const ArchiveEntry& entry) {
  if (!absl::IsInvalidArgument(status) || !ErrorReason(status).empty()) return status;
  return MemberRefused(PrintableArchivePath(entry.path), status.message());
}

}  // namespace

absl::StatusOr<RootTree> RootTree::Create(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(Ext4Writer writer, Ext4Writer::Create(path));
  return RootTree(std::move(writer));
}

absl::Status RootTree::AddTar(ArchiveReader& reader) {
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> entry, reader.Next());
    if (!entry) return absl::OkStatus();
    BANGER_RETURN_IF_ERROR(ForMember(AddMember(reader, *entry), *entry));
  }
}

absl::Status RootTree::AddLayer(ArchiveReader& reader) {
  layered_ = true;
  writer_.BeginGeneration();
  const absl::Status status = AddTar(reader);
  layered_ = false;
  return status;
}

absl::Status RootTree::AddMember(ArchiveReader& reader, const ArchiveEntry& entry) {
  BANGER_ASSIGN_OR_RETURN(const std::string path, NormalizeArchivePath(entry.path));
  if (path.empty()) {  // "./": the root itself
    if (entry.type != ArchiveEntry::Type::kDirectory)
      return absl::InvalidArgumentError("the root is not a directory");
    BANGER_ASSIGN_OR_RETURN(Attributes attributes, AttributesOf(entry));
    return writer_.SetAttributes(writer_.root(), std::move(attributes));
  }
  const auto [directory, name] = SplitPath(path);
  if (layered_ && absl::StartsWith(name, kWhiteoutPrefix)) {
    // What hides something in a directory that is not there hides nothing.
    Inode* const parent = Lookup(directory, true);
    if (parent == nullptr || writer_.TypeOf(parent) != Type::kDirectory) return absl::OkStatus();
    return Whiteout(parent, name);
  }
  BANGER_ASSIGN_OR_RETURN(Inode* const parent, MakeDirectories(directory));
  BANGER_RETURN_IF_ERROR(Put(reader, entry, parent, name));
  writer_.Touch(parent, name);
  return absl::OkStatus();
}

absl::Status RootTree::Put(ArchiveReader& reader, const ArchiveEntry& entry, Inode* parent,
                           const std::string& name) {
  if (entry.type == ArchiveEntry::Type::kHardLink) return PutHardLink(entry, parent, name);
  BANGER_ASSIGN_OR_RETURN(Attributes attributes, AttributesOf(entry));
  if (entry.type == ArchiveEntry::Type::kDirectory) return PutDirectory(parent, name, std::move(attributes));
  writer_.Remove(parent, name);
  switch (entry.type) {
    case ArchiveEntry::Type::kFile:
      return PutFile(reader, entry, parent, name, std::move(attributes));
    case ArchiveEntry::Type::kSymlink:
      return Written(writer_.AddSymlink(parent, name, entry.link_target, std::move(attributes)).status());
    case ArchiveEntry::Type::kCharDevice:
      return writer_
          .AddSpecial(parent, name, Type::kCharDevice, entry.device_major, entry.device_minor,
                      std::move(attributes))
          .status();
    case ArchiveEntry::Type::kBlockDevice:
      return writer_
          .AddSpecial(parent, name, Type::kBlockDevice, entry.device_major, entry.device_minor,
                      std::move(attributes))
          .status();
    case ArchiveEntry::Type::kFifo:
      return writer_.AddSpecial(parent, name, Type::kFifo, 0, 0, std::move(attributes)).status();
    default:
      return writer_.AddSpecial(parent, name, Type::kSocket, 0, 0, std::move(attributes)).status();
  }
}

absl::Status RootTree::PutDirectory(Inode* parent, const std::string& name, Attributes attributes) {
  Inode* const there = writer_.Find(parent, name);
  if (there != nullptr && writer_.TypeOf(there) == Type::kDirectory)
    return writer_.SetAttributes(there, std::move(attributes));
  writer_.Remove(parent, name);
  return writer_.AddDirectory(parent, name, std::move(attributes)).status();
}

absl::Status RootTree::PutFile(ArchiveReader& reader, const ArchiveEntry& entry, Inode* parent,
                               const std::string& name, Attributes attributes) {
  BANGER_ASSIGN_OR_RETURN(Inode* const file, writer_.BeginFile(parent, name, std::move(attributes)));
  for (bool first = true;; first = false) {
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveReader::Block> block, reader.ReadBlock());
    if (first) Note(file, entry, block && block->offset == 0 ? block->data : absl::string_view());
    if (!block) break;
    BANGER_RETURN_IF_ERROR(Written(writer_.WriteFile(block->offset, block->data)));
  }
  return Written(writer_.EndFile(entry.size));
}

absl::Status RootTree::PutHardLink(const ArchiveEntry& entry, Inode* parent, const std::string& name) {
  absl::string_view relative = entry.link_target;
  absl::ConsumePrefix(&relative, "/");
  BANGER_ASSIGN_OR_RETURN(const std::string target, NormalizeArchivePath(relative));
  Inode* const inode = Lookup(target, false);
  const std::string shown = PrintableArchivePath(entry.link_target);
  if (inode == nullptr)
    return absl::InvalidArgumentError(absl::StrCat("is a hard link to '", shown, "', which is not there"));
  if (writer_.TypeOf(inode) == Type::kDirectory)
    return absl::InvalidArgumentError(absl::StrCat("is a hard link to the directory '", shown, "'"));
  if (writer_.Find(parent, name) == inode) return absl::OkStatus();
  writer_.Remove(parent, name);
  // The target may have gone with the directory that stood in the way.
  if (Lookup(target, false) != inode)
    return absl::InvalidArgumentError(absl::StrCat("is a hard link to '", shown, "', which it replaces"));
  return writer_.AddHardLink(parent, name, inode);
}

absl::Status RootTree::Whiteout(Inode* parent, const std::string& name) {
  if (name == kOpaque) {
    for (const std::string& child : writer_.NamesIn(parent)) HideLower(parent, child);
    return absl::OkStatus();
  }
  const std::string hidden(absl::StripPrefix(name, kWhiteoutPrefix));
  if (hidden.empty() || hidden == "." || hidden == "..")
    return absl::InvalidArgumentError("is a whiteout of nothing");
  if (absl::StartsWith(hidden, kWhiteoutPrefix)) return absl::OkStatus();  // aufs keeps house with these
  HideLower(parent, hidden);
  return absl::OkStatus();
}

void RootTree::HideLower(Inode* directory, const std::string& name) {
  std::vector<std::pair<Inode*, std::string>> todo{{directory, name}};
  while (!todo.empty()) {
    const auto [parent, child] = std::move(todo.back());
    todo.pop_back();
    if (!writer_.IsOfThisGeneration(parent, child)) {
      writer_.Remove(parent, child);
      continue;
    }
    Inode* const inode = writer_.Find(parent, child);
    if (inode == nullptr || writer_.TypeOf(inode) != Type::kDirectory) continue;
    for (const std::string& grandchild : writer_.NamesIn(inode)) todo.emplace_back(inode, grandchild);
  }
}

absl::StatusOr<Inode*> RootTree::MakeDirectories(const std::string& path) {
  Inode* at = writer_.root();
  std::deque<std::string> rest;
  Prepend(rest, path);
  for (int symlinks = 0; !rest.empty();) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      at = writer_.ParentOf(at);
      continue;
    }
    Inode* next = writer_.Find(at, name);
    if (next == nullptr) {
      BANGER_ASSIGN_OR_RETURN(next, writer_.AddDirectory(at, name, {.mode = 0755}));
    }
    writer_.Touch(at, name);
    if (writer_.TypeOf(next) == Type::kSymlink) {
      if (++symlinks > kMaxSymlinks) return absl::InvalidArgumentError("its parent is a loop of symlinks");
      const std::string& target = writer_.SymlinkTarget(next);
      if (absl::StartsWith(target, "/")) at = writer_.root();
      Prepend(rest, target);
      continue;
    }
    if (writer_.TypeOf(next) != Type::kDirectory)
      return absl::InvalidArgumentError("its parent is not a directory");
    at = next;
  }
  return at;
}

Inode* RootTree::Lookup(const std::string& path, bool follow_last) const {
  Inode* at = writer_.root();
  std::deque<std::string> rest;
  Prepend(rest, path);
  for (int symlinks = 0; !rest.empty();) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name == ".") continue;
    if (writer_.TypeOf(at) != Type::kDirectory) return nullptr;
    if (name == "..") {
      at = writer_.ParentOf(at);
      continue;
    }
    Inode* const next = writer_.Find(at, name);
    if (next == nullptr) return nullptr;
    if (writer_.TypeOf(next) != Type::kSymlink || (rest.empty() && !follow_last)) {
      at = next;
      continue;
    }
    if (++symlinks > kMaxSymlinks) return nullptr;
    const std::string& target = writer_.SymlinkTarget(next);
    if (absl::StartsWith(target, "/")) at = writer_.root();
    Prepend(rest, target);
  }
  return at;
}

void RootTree::Note(const Inode* file, const ArchiveEntry& entry, absl::string_view begin) {
  // The address may have been that of a file that is gone.
  os_releases_.erase(file);
  archs_.erase(file);
  if (absl::EndsWith(entry.path, "os-release"))
    os_releases_[file] = std::string(begin.substr(0, kMaxOsReleaseBytes));
  if ((entry.mode & 0111) == 0) return;
  if (std::string arch = ArchOfElf(begin); !arch.empty()) archs_[file] = std::move(arch);
}

bool RootTree::HasAny(const std::vector<std::string>& paths) const {
  return std::any_of(paths.begin(), paths.end(),
                     [this](const std::string& path) { return Lookup(path, true) != nullptr; });
}

std::string RootTree::OsName() const {
  for (const char* const path : {"etc/os-release", "usr/lib/os-release"}) {
    const auto it = os_releases_.find(Lookup(path, true));
    if (it == os_releases_.end()) continue;
    const OsRelease os = ParseOsRelease(it->second);
    return os.pretty_name.empty() ? os.id : os.pretty_name;
  }
  return "";
}

std::string RootTree::Arch() const {
  for (const char* const path : {"bin/sh", "usr/bin/sh", "sbin/init", "usr/sbin/init", "init"}) {
    const auto it = archs_.find(Lookup(path, true));
    if (it != archs_.end()) return it->second;
  }
  return "";
}

absl::Status RootTree::Finish(const ext4::Options& options) {
  const std::pair<const char*, std::uint32_t> mount_points[] = {
      {"proc", 0555}, {"sys", 0555}, {"dev", 0755}, {"run", 0755}, {"tmp", 01777}, {"root", 0700}};
  for (const auto& [name, mode] : mount_points)
    if (writer_.Find(writer_.root(), name) == nullptr)
      BANGER_RETURN_IF_ERROR(writer_.AddDirectory(writer_.root(), name, {.mode = mode}).status());
  return Written(writer_.Finish(options));
}

}  // namespace banger::imaged
