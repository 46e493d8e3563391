#include "common/archive/tar_writer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using Type = ArchiveEntry::Type;

class TarWriterTest : public ::testing::Test {
 protected:
  // What comes back of a single member.
  ArchiveEntry RoundTrip(const ArchiveEntry& entry) {
    EXPECT_OK(writer_.Begin(entry));
    EXPECT_OK(writer_.Finish());
    MemorySource source(bytes_);
    absl::StatusOr<ArchiveReader> reader = ArchiveReader::OpenPlainTar(source);
    EXPECT_OK(reader);
    return **reader->Next();
  }

  std::string bytes_;
  TarWriter writer_{[this](absl::string_view piece) {
    bytes_.append(piece.data(), piece.size());
    return absl::OkStatus();
  }};
};

TEST_F(TarWriterTest, AllOfAMemberComesBack) {
  const ArchiveEntry entry{.path = std::string(150, 'd') + "/" + std::string(200, 'f') + "\xff\xfe",
                           .type = Type::kSymlink,
                           .mode = 04755,
                           .uid = 4'000'000'000,
                           .gid = 3'000'000,
                           .mtime_seconds = 20'000'000'000,
                           .mtime_nanoseconds = 123'456'789,
                           .link_target = std::string(300, 't'),
                           .xattrs = {{"security.capability", std::string("\1\0\n=\2", 5)}, {"user.x", ""}}};
  const ArchiveEntry back = RoundTrip(entry);
  EXPECT_EQ(back.path, entry.path);
  EXPECT_EQ(back.type, entry.type);
  EXPECT_EQ(back.mode, entry.mode);
  EXPECT_EQ(back.uid, entry.uid);
  EXPECT_EQ(back.gid, entry.gid);
  EXPECT_EQ(back.mtime_seconds, entry.mtime_seconds);
  EXPECT_EQ(back.mtime_nanoseconds, entry.mtime_nanoseconds);
  EXPECT_EQ(back.link_target, entry.link_target);
  EXPECT_EQ(back.xattrs, entry.xattrs);
}

TEST_F(TarWriterTest, DevicesComeBack) {
  const ArchiveEntry back = RoundTrip({.path = "dev/x",
                                       .type = Type::kBlockDevice,
                                       .mode = 0600,
                                       .device_major = 259,
                                       .device_minor = 70000});
  EXPECT_EQ(back.type, Type::kBlockDevice);
  EXPECT_EQ(back.device_major, 259U);
  EXPECT_EQ(back.device_minor, 70000U);
}

TEST_F(TarWriterTest, HolesStayHolesForUsAndForGnuTar) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::int64_t size = std::int64_t{10} << 30;
  ASSERT_OK(writer_.Begin({.path = "sparse", .mode = 0644, .size = size}, {{4096, 512}, {8 << 20, 3}}));
  ASSERT_OK(writer_.Write("hel"));
  ASSERT_OK(writer_.Write("lo" + std::string(507, '.') + "bye"));
  ASSERT_OK(writer_.Begin({.path = "plain", .mode = 0644, .size = 3}, {{0, 3}}));
  ASSERT_OK(writer_.Write("abc"));
  ASSERT_OK(writer_.Begin({.path = "hole", .mode = 0644, .size = 1 << 20}));
  ASSERT_OK(writer_.Finish());
  EXPECT_LT(bytes_.size(), 20'000U);

  MemorySource source(bytes_);
  ASSERT_OK_AND_ASSIGN(ArchiveReader reader, ArchiveReader::OpenPlainTar(source));
  EXPECT_EQ((*reader.Next())->size, size);
  std::vector<std::pair<std::int64_t, std::string>> blocks;
  for (auto block = *reader.ReadBlock(); block.has_value(); block = *reader.ReadBlock())
    if (!block->data.empty()) blocks.emplace_back(block->offset, std::string(block->data));
  EXPECT_THAT(blocks, ElementsAre(Pair(4096, "hello" + std::string(507, '.')), Pair(8 << 20, "bye")));
  EXPECT_EQ((*reader.Next())->path, "plain");
  EXPECT_EQ((*reader.Next())->size, 1 << 20);

  ASSERT_OK(WriteFileAtomically(dir.path() / "a.tar", bytes_));
  ASSERT_TRUE(
      RunCommand({.argv = {"/bin/tar", "-xf", dir.path() / "a.tar", "-C", dir.path()}})->status.success());
  EXPECT_EQ(std::filesystem::file_size(dir.path() / "sparse"), static_cast<std::uintmax_t>(size));
  EXPECT_LT(*DiskUsage(dir.path() / "sparse"), 1 << 20);
  EXPECT_THAT(ReadFile(dir.path() / "plain"), IsOkAndHolds("abc"));
  std::ifstream file(dir.path() / "sparse");
  file.seekg(8 << 20);
  std::string text(3, ' ');
  file.read(text.data(), 3);
  EXPECT_EQ(text, "bye");
}

TEST_F(TarWriterTest, AMemberHasTheBytesThatItWasBegunWith) {
  ASSERT_OK(writer_.Begin({.path = "a", .size = 3}, {{0, 3}}));
  ASSERT_OK(writer_.Write("ab"));
  EXPECT_THAT(writer_.Write("cd"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(writer_.Finish(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(TarWriterTest, WhatNoTarCanHoldIsRefused) {
  EXPECT_THAT(writer_.Begin({.path = "s", .type = Type::kSocket}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(writer_.Begin({.path = "a", .size = 9999}, {{0, 5}, {512, 5}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace banger
