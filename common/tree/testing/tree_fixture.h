// What the tests of this room share.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "common/archive/byte_source.h"
#include "common/archive/tar_builder.h"
#include "common/archive/tar_writer.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "common/tree/tree_packer.h"
#include "common/tree/tree_receiver.h"

namespace banger {

// Two directories: `from` to pack and `to` to receive in.
class TreeTest : public ::testing::Test {
 protected:
  TreeTest() {
    std::filesystem::create_directories(from_);
    std::filesystem::create_directories(to_);
  }

  void Write(const std::string& name, const std::string& content, unsigned mode = 0644) const {
    ASSERT_OK(MakeDirectories((from_ / name).parent_path(), 0755));
    ASSERT_OK(WriteFileAtomically(from_ / name, content, mode));
  }
  // A file of `size` bytes with `data` at each offset and holes between.
  void WriteSparse(const std::string& name, std::int64_t size, const std::vector<std::int64_t>& offsets,
                   const std::string& data) const {
    const UniqueFd fd = *OpenFile(from_ / name, O_WRONLY | O_CREAT, 0644);
    ASSERT_EQ(::ftruncate(fd.get(), size), 0);
    for (const std::int64_t offset : offsets)
      ASSERT_EQ(::pwrite(fd.get(), data.data(), data.size(), offset), static_cast<ssize_t>(data.size()));
  }

  absl::StatusOr<std::string> Pack(const std::filesystem::path& path, const std::string& name,
                                   bool follow = false) {
    std::string bytes;
    TarWriter tar([&bytes](absl::string_view piece) {
      bytes.append(piece.data(), piece.size());
      return absl::OkStatus();
    });
    TreePacker packer(tar);
    BANGER_RETURN_IF_ERROR(packer.Add(path, name, follow));
    BANGER_RETURN_IF_ERROR(tar.Finish());
    warnings_ = packer.warnings();
    return bytes;
  }
  absl::StatusOr<ReceivedTree> Receive(const std::string& tar, const TreeDestination& destination,
                                       const ExtractOptions& options = {}) const {
    MemorySource source(tar);
    return ReceiveTree(source, destination, options, {});
  }
  absl::StatusOr<ReceivedTree> Copy(const std::string& name, const std::string& destination) {
    BANGER_ASSIGN_OR_RETURN(const std::string tar, Pack(from_ / name, name));
    return Receive(tar, {.path = to_.string() + "/" + destination, .name = name});
  }

  static struct stat Stat(const std::filesystem::path& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info;
  }
  // No file that is not whole is left, nor anything beside the two directories.
  void ExpectNothingElse() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path()))
      EXPECT_FALSE(entry.path().filename().string().starts_with(".banger-")) << entry.path();
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_.path()),
                            std::filesystem::directory_iterator()),
              2);
  }

  const TempDir dir_ = *TempDir::Create();
  const std::filesystem::path from_ = dir_.path() / "from";
  const std::filesystem::path to_ = dir_.path() / "to";
  std::vector<std::string> warnings_;
};

}  // namespace banger
