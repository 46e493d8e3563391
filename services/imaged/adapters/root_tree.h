// A root file system as it grows out of archive members, in an ext4 file. All
// names are hostile: symlinked parents are followed inside the tree, never
// outside, and what cannot be is refused by the member's name.
#pragma once

#include <malloc.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/archive/archive_reader.h"
#include "common/ext4/ext4_writer.h"

namespace banger::imaged {

// Not thread-safe.
class RootTree {
 public:
  // Writes `path`, which must not exist; removes it unless Finish succeeds.
  static absl::StatusOr<RootTree> Create(const std::filesystem::path& path);

  // Takes in all members of a tar, later ones over earlier ones.
  absl::Status AddTar(ArchiveReader& reader);

  // The same for an OCI layer over what is there: whiteouts hide what earlier
  // layers brought.
  absl::Status AddLayer(ArchiveReader& reader);

  // Whether one of these paths is there, symlinks followed.
  bool HasAny(const std::vector<std::string>& paths) const;

  // PRETTY_NAME of os-release, else its ID; empty when there is none.
  std::string OsName() const;

  // As uname -m says it, from the program header of the shell or init; empty
  // when none is there.
  std::string Arch() const;

  std::int64_t content_bytes() const { return writer_.content_bytes(); }

  // Adds the mount points that every Linux has, then as Ext4Writer::Finish.
  absl::Status Finish(const ext4::Options& options);

 private:
  explicit RootTree(Ext4Writer writer) : writer_(std::move(writer)) {}

  absl::Status AddMember(ArchiveReader& reader, const ArchiveEntry& entry);
  absl::Status Put(ArchiveReader& reader, const ArchiveEntry& entry, ext4::Inode* parent,
                   const std::string& name);
  absl::Status PutFile(ArchiveReader& reader, const ArchiveEntry& entry, ext4::Inode* parent,
                       const std::string& name, ext4::Attributes attributes);
  absl::Status PutDirectory(ext4::Inode* parent, const std::string& name, ext4::Attributes attributes);
  absl::Status PutHardLink(const ArchiveEntry& entry, ext4::Inode* parent, const std::string& name);
  absl::Status Whiteout(ext4::Inode* parent, const std::string& name);
  void HideLower(ext4::Inode* directory, const std::string& name);

  // The directory at the path, made where it is missing.
  absl::StatusOr<ext4::Inode*> MakeDirectories(const std::string& path);
  // What is there, symlinks followed (the last one only if wanted), else null.
  ext4::Inode* Lookup(const std::string& path, bool follow_last) const;

  void Note(const ext4::Inode* file, const ArchiveEntry& entry, absl::string_view begin);

  // A tree of many files leaves memory in pieces, which malloc would keep.
  struct GiveMemoryBack {
    ~GiveMemoryBack() { ::malloc_trim(0); }
  };

  GiveMemoryBack last_;  // to go
  Ext4Writer writer_;
  bool layered_ = false;  // whiteouts spare what the layer at hand brought or passed through
  absl::flat_hash_map<const ext4::Inode*, std::string> os_releases_;
  absl::flat_hash_map<const ext4::Inode*, std::string> archs_;  // of programs
};

}  // namespace banger::imaged
