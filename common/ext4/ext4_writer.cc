#include "common/ext4/ext4_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/ext4/block_stream.h"
#include "common/ext4/file_system.h"
#include "common/ext4/inode.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

using ext4::Attributes;
using ext4::Inode;
using ext4::kBlockSize;
using ext4::Type;

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::uint32_t kMaxNames = 65000;
constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 40;
// One block, less its header; each entry has 16 bytes of its own.
constexpr std::size_t kMaxXattrBytes = 4000;

absl::Status CheckName(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.size() > kMaxNameBytes ||
      name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    return absl::InvalidArgumentError(absl::StrCat("no file can be named '", name.substr(0, 300), "'"));
  return absl::OkStatus();
}

bool IsKnownXattr(const std::string& name) {
  return absl::StartsWith(name, "user.") || absl::StartsWith(name, "trusted.") ||
         absl::StartsWith(name, "security.") || name == "system.posix_acl_access" ||
         name == "system.posix_acl_default";
}

absl::Status CheckAttributes(const Attributes& attributes) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : attributes.xattrs) {
    if (!IsKnownXattr(name) || name.size() > kMaxNameBytes)
      return absl::InvalidArgumentError(absl::StrCat("xattr '", name, "' has no place in ext4"));
    bytes += 16 + name.size() + (value.size() + 3) / 4 * 4;
  }
  if (bytes > kMaxXattrBytes)
    return absl::InvalidArgumentError(absl::StrCat("xattrs of ", bytes, " bytes do not fit into a block"));
  // ext4 counts seconds in 34 bits from 1901.
  if (attributes.mtime_seconds < -(std::int64_t{1} << 31) ||
      attributes.mtime_seconds >= (std::int64_t{15} << 30) || attributes.mtime_nanoseconds >= 1000000000)
    return absl::InvalidArgumentError(
        absl::StrCat("time ", attributes.mtime_seconds, " has no place in ext4"));
  return absl::OkStatus();
}

void Assign(Attributes attributes, Inode& inode) {
  inode.mode = static_cast<std::uint16_t>(attributes.mode & 07777);
  inode.uid = attributes.uid;
  inode.gid = attributes.gid;
  inode.mtime_seconds = attributes.mtime_seconds;
  inode.mtime_nanoseconds = attributes.mtime_nanoseconds;
  if (inode.details != nullptr || !attributes.xattrs.empty())
    inode.Details().xattrs = std::move(attributes.xattrs);
}

}  // namespace

absl::StatusOr<Ext4Writer> Ext4Writer::Create(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDWR | O_CREAT | O_EXCL));
  return Ext4Writer(path, std::make_unique<ext4::BlockStream>(path, std::move(fd)));
}

Ext4Writer::Ext4Writer(std::filesystem::path path, std::unique_ptr<ext4::BlockStream> blocks)
    : path_(std::move(path)),
      blocks_(std::move(blocks)),
      inodes_(std::make_unique<ext4::InodeArena>()),
      names_(std::make_unique<ext4::NameArena>()),
      root_(inodes_->Make(Type::kDirectory)) {
  root_->mode = 0755;
  root_->names = 1;
  root_->details->parent = root_;
}

Ext4Writer::Ext4Writer(Ext4Writer&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      blocks_(std::move(other.blocks_)),
      inodes_(std::move(other.inodes_)),
      names_(std::move(other.names_)),
      generation_(other.generation_),
      root_(std::exchange(other.root_, nullptr)),
      open_file_(std::exchange(other.open_file_, nullptr)),
      position_(other.position_),
      live_blocks_(other.live_blocks_) {}

Ext4Writer::~Ext4Writer() {
  if (!path_.empty()) RemoveTree(path_).IgnoreError();
}

Inode* Ext4Writer::Find(const Inode* directory, const std::string& name) const {
  const auto it = directory->details->entries.find(name);
  return it == directory->details->entries.end() ? nullptr : it->second.inode;
}

Inode* Ext4Writer::ParentOf(const Inode* directory) const { return directory->details->parent; }
Type Ext4Writer::TypeOf(const Inode* inode) const { return inode->type; }
const std::string& Ext4Writer::SymlinkTarget(const Inode* symlink) const { return symlink->details->target; }

std::vector<std::string> Ext4Writer::NamesIn(const Inode* directory) const {
  std::vector<std::string> names;
  names.reserve(directory->details->entries.size());
  for (const auto& entry : directory->details->entries) names.emplace_back(entry.first);
  return names;
}

void Ext4Writer::Touch(Inode* parent, const std::string& name) {
  const auto it = parent->details->entries.find(name);
  if (it != parent->details->entries.end()) it->second.generation = generation_;
}

bool Ext4Writer::IsOfThisGeneration(const Inode* parent, const std::string& name) const {
  const auto it = parent->details->entries.find(name);
  return it != parent->details->entries.end() && it->second.generation == generation_;
}

absl::StatusOr<Inode*> Ext4Writer::Add(Inode* parent, const std::string& name, Type type,
                                       Attributes attributes) {
  if (parent->type != Type::kDirectory)
    return absl::InvalidArgumentError(absl::StrCat("parent of '", name, "' is not a directory"));
  BANGER_RETURN_IF_ERROR(CheckName(name));
  BANGER_RETURN_IF_ERROR(CheckAttributes(attributes));
  if (parent->details->entries.contains(name))
    return absl::AlreadyExistsError(absl::StrCat("'", name, "' exists already"));
  Inode* const inode = inodes_->Make(type);
  parent->details->entries.emplace(names_->Keep(name), ext4::DirectoryEntry{inode, generation_});
  Assign(std::move(attributes), *inode);
  inode->names = 1;
  return inode;
}

absl::StatusOr<Inode*> Ext4Writer::AddDirectory(Inode* parent, const std::string& name,
                                                Attributes attributes) {
  BANGER_ASSIGN_OR_RETURN(Inode* const inode, Add(parent, name, Type::kDirectory, std::move(attributes)));
  inode->details->parent = parent;
  return inode;
}

absl::StatusOr<Inode*> Ext4Writer::AddSymlink(Inode* parent, const std::string& name,
                                              const std::string& target, Attributes attributes) {
  if (target.empty() || target.size() >= static_cast<std::size_t>(kBlockSize) ||
      target.find('\0') != std::string::npos)
    return absl::InvalidArgumentError(absl::StrCat("symlink '", name, "' has a target that cannot be"));
  attributes.mode = 0777;
  BANGER_ASSIGN_OR_RETURN(Inode* const inode, Add(parent, name, Type::kSymlink, std::move(attributes)));
  inode->Details().target = target;
  inode->size = static_cast<std::int64_t>(target.size());
  if (target.size() < ext4::kInlineSymlinkBytes) return inode;
  BANGER_ASSIGN_OR_RETURN(const ext4::BlockStream::Run run, blocks_->Allocate(1));
  ext4::AppendBlocks(*inode, 0, run.first, 1);
  ++live_blocks_;
  std::string block = target;
  block.resize(kBlockSize);
  BANGER_RETURN_IF_ERROR(blocks_->Write(block));
  return inode;
}

absl::StatusOr<Inode*> Ext4Writer::AddSpecial(Inode* parent, const std::string& name, Type type,
                                              std::uint32_t device_major, std::uint32_t device_minor,
                                              Attributes attributes) {
  if (type == Type::kFile || type == Type::kDirectory || type == Type::kSymlink)
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' is not a special file"));
  if (device_major > 0xfff || device_minor > 0xfffff)
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "': there is no device ", device_major, ":", device_minor));
  BANGER_ASSIGN_OR_RETURN(Inode* const inode, Add(parent, name, type, std::move(attributes)));
  inode->Details().device_major = device_major;
  inode->Details().device_minor = device_minor;
  return inode;
}

absl::Status Ext4Writer::AddHardLink(Inode* parent, const std::string& name, Inode* inode) {
  BANGER_RETURN_IF_ERROR(CheckName(name));
  if (parent->type != Type::kDirectory || inode->type == Type::kDirectory)
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' cannot be a hard link"));
  if (inode->names >= kMaxNames)
    return absl::InvalidArgumentError(absl::StrCat("'", name, "': too many hard links to one file"));
  if (parent->details->entries.contains(name))
    return absl::AlreadyExistsError(absl::StrCat("'", name, "' exists already"));
  parent->details->entries.emplace(names_->Keep(name), ext4::DirectoryEntry{inode, generation_});
  ++inode->names;
  return absl::OkStatus();
}

absl::StatusOr<Inode*> Ext4Writer::BeginFile(Inode* parent, const std::string& name, Attributes attributes) {
  if (open_file_ != nullptr) return absl::FailedPreconditionError("the file before has not been ended");
  BANGER_ASSIGN_OR_RETURN(open_file_, Add(parent, name, Type::kFile, std::move(attributes)));
  position_ = 0;
  return open_file_;
}

absl::Status Ext4Writer::WriteFile(std::int64_t offset, absl::string_view data) {
  if (open_file_ == nullptr) return absl::FailedPreconditionError("no file has been begun");
  if (offset < position_ || offset > kMaxFileBytes ||
      static_cast<std::int64_t>(data.size()) > kMaxFileBytes - offset)
    return absl::InvalidArgumentError(absl::StrCat("data at offset ", offset, " after ", position_));
  if (data.empty()) return absl::OkStatus();
  if (offset > position_) {
    static const std::string zeros(kBlockSize, '\0');
    // To the end of the block, then from the begin of that of the offset.
    const std::int64_t block_end = (position_ + kBlockSize - 1) / kBlockSize * kBlockSize;
    const auto first = static_cast<std::size_t>(std::min(block_end, offset) - position_);
    BANGER_RETURN_IF_ERROR(AppendToFile(absl::string_view(zeros).substr(0, first)));
    if (offset > position_) {
      position_ = offset / kBlockSize * kBlockSize;
      const auto lead = static_cast<std::size_t>(offset - position_);
      BANGER_RETURN_IF_ERROR(AppendToFile(absl::string_view(zeros).substr(0, lead)));
    }
  }
  return AppendToFile(data);
}

absl::Status Ext4Writer::AppendToFile(absl::string_view data) {
  while (!data.empty()) {
    auto room = static_cast<std::size_t>((kBlockSize - position_ % kBlockSize) % kBlockSize);
    if (room == 0) {
      const std::uint64_t wanted = (data.size() + kBlockSize - 1) / kBlockSize;
      BANGER_ASSIGN_OR_RETURN(const ext4::BlockStream::Run run, blocks_->Allocate(wanted));
      ext4::AppendBlocks(*open_file_, static_cast<std::uint64_t>(position_ / kBlockSize), run.first,
                         run.count);
      live_blocks_ += static_cast<std::int64_t>(run.count);
      room = run.count * kBlockSize;
    }
    const std::size_t size = std::min(room, data.size());
    BANGER_RETURN_IF_ERROR(blocks_->Write(data.substr(0, size)));
    position_ += static_cast<std::int64_t>(size);
    data.remove_prefix(size);
  }
  return absl::OkStatus();
}

absl::Status Ext4Writer::EndFile(std::int64_t size) {
  if (open_file_ == nullptr) return absl::FailedPreconditionError("no file has been begun");
  if (size < position_ || size > kMaxFileBytes)
    return absl::InvalidArgumentError(absl::StrCat("a file of ", size, " bytes with data up to ", position_));
  open_file_->size = size;
  if (position_ % kBlockSize != 0) {
    const std::string zeros(static_cast<std::size_t>(kBlockSize - position_ % kBlockSize), '\0');
    BANGER_RETURN_IF_ERROR(AppendToFile(zeros));
  }
  open_file_ = nullptr;
  return absl::OkStatus();
}

absl::Status Ext4Writer::SetAttributes(Inode* inode, Attributes attributes) {
  BANGER_RETURN_IF_ERROR(CheckAttributes(attributes));
  if (inode->type == Type::kSymlink) attributes.mode = 0777;
  Assign(std::move(attributes), *inode);
  return absl::OkStatus();
}

void Ext4Writer::Remove(Inode* parent, const std::string& name) {
  const auto it = parent->details->entries.find(name);
  if (it == parent->details->entries.end()) return;
  std::vector<Inode*> doomed;
  DropName(it->second.inode, doomed);
  parent->details->entries.erase(it);
  while (!doomed.empty()) {
    Inode* const inode = doomed.back();
    doomed.pop_back();
    if (inode->type == Type::kDirectory)
      for (const auto& [child_name, child] : inode->details->entries) DropName(child.inode, doomed);
    ext4::ForEachExtent(*inode, [this](const ext4::Extent& extent) {
      live_blocks_ -= extent.count;
      blocks_->Discard(extent.physical, extent.count).IgnoreError();
    });
    inodes_->Free(inode);
  }
}

void Ext4Writer::DropName(Inode* inode, std::vector<Inode*>& doomed) {
  if (--inode->names == 0) doomed.push_back(inode);
}

std::int64_t Ext4Writer::content_bytes() const { return live_blocks_ * kBlockSize; }

absl::Status Ext4Writer::Finish(const ext4::Options& options) {
  if (open_file_ != nullptr) return absl::FailedPreconditionError("the file before has not been ended");
  if (Find(root_, "lost+found") == nullptr)
    BANGER_RETURN_IF_ERROR(AddDirectory(root_, "lost+found", {.mode = 0700}).status());
  BANGER_RETURN_IF_ERROR(ext4::WriteFileSystem(path_, *blocks_, root_, options));
  path_.clear();
  return absl::OkStatus();
}

absl::Status MakeEmptyExt4(const std::filesystem::path& path, const ext4::Options& options) {
  BANGER_ASSIGN_OR_RETURN(Ext4Writer writer, Ext4Writer::Create(path));
  return writer.Finish(options);
}

}  // namespace banger
