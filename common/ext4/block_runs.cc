#include "common/ext4/block_runs.h"

#include <memory>

#include "absl/strings/str_cat.h"

namespace banger::ext4 {
namespace {

absl::Status Fault(errcode_t code) { return absl::DataLossError(absl::StrCat("block map: error ", code)); }

// A map that leads back to itself has no end.
absl::Status TooMany() { return absl::DataLossError("more blocks than the file system has"); }

void Append(std::vector<BlockRun>& runs, const BlockRun& next) {
  if (!runs.empty()) {
    BlockRun& last = runs.back();
    if (last.logical + last.count == next.logical && last.physical + last.count == next.physical) {
      last.count += next.count;
      return;
    }
  }
  runs.push_back(next);
}

struct FreeExtents {
  void operator()(ext2_extent_handle* handle) const { ext2fs_extent_free(handle); }
};

absl::StatusOr<std::vector<BlockRun>> OfExtents(ext2_filsys fs, ext2_ino_t number, ext2_inode& inode) {
  std::vector<BlockRun> runs;
  std::uint64_t left = ext2fs_blocks_count(fs->super);
  ext2_extent_handle_t handle = nullptr;
  errcode_t code = ext2fs_extent_open2(fs, number, &inode, &handle);
  if (code != 0) return Fault(code);
  const std::unique_ptr<ext2_extent_handle, FreeExtents> owner(handle);
  ext2fs_extent extent{};
  // The root may be a leaf itself.
  code = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, &extent);
  while (code == 0) {
    if (left-- == 0) return TooMany();
    const bool is_leaf = (extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) != 0;
    if (is_leaf && (extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT) == 0)
      Append(runs, {extent.e_lblk, extent.e_pblk, extent.e_len});
    code = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_LEAF, &extent);
  }
  if (code != EXT2_ET_EXTENT_NO_NEXT && code != EXT2_ET_NO_CURRENT_NODE) return Fault(code);
  return runs;
}

absl::StatusOr<std::vector<BlockRun>> OfBlockMap(ext2_filsys fs, ext2_ino_t number) {
  struct Found {
    std::vector<BlockRun> runs;
    std::uint64_t left;
  } found{{}, ext2fs_blocks_count(fs->super)};
  const auto collect = [](ext2_filsys, blk64_t* block, e2_blkcnt_t logical, blk64_t, int, void* out) -> int {
    auto* const all = static_cast<Found*>(out);
    if (all->left == 0) return BLOCK_ABORT;
    --all->left;
    if (logical >= 0) Append(all->runs, {static_cast<std::uint64_t>(logical), *block, 1});
    return 0;
  };
  const errcode_t code = ext2fs_block_iterate3(fs, number, BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY,
                                               nullptr, collect, &found);
  if (code != 0) return Fault(code);
  if (found.left == 0) return TooMany();
  return std::move(found.runs);
}

}  // namespace

absl::StatusOr<std::vector<BlockRun>> BlockRunsOf(ext2_filsys fs, ext2_ino_t number, ext2_inode& inode) {
  absl::StatusOr<std::vector<BlockRun>> runs =
      (inode.i_flags & EXT4_EXTENTS_FL) != 0 ? OfExtents(fs, number, inode) : OfBlockMap(fs, number);
  if (!runs.ok()) return runs;
  const std::uint64_t blocks = ext2fs_blocks_count(fs->super);
  std::uint64_t next = 0;
  for (const BlockRun& run : *runs) {
    if (run.logical < next || run.physical == 0 || run.physical >= blocks ||
        run.count > blocks - run.physical)
      return absl::DataLossError("blocks that cannot be");
    next = run.logical + run.count;
  }
  return runs;
}

}  // namespace banger::ext4
