#include "common/ext4/ext4_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ext4::Inode;
using ext4::Type;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class Ext4ReaderTest : public ::testing::Test {
 protected:
  // A file system with one of everything.
  void WriteSample() {
    ASSERT_OK_AND_ASSIGN(Ext4Writer writer, Ext4Writer::Create(path_));
    Inode* const etc = *writer.AddDirectory(writer.root(), "etc", {.mode = 0755});
    Inode* const file = *writer.BeginFile(etc, "ping",
                                          {.mode = 04755,
                                           .uid = 70000,
                                           .gid = 5,
                                           .mtime_seconds = 5'000'000'000,
                                           .mtime_nanoseconds = 123'456'789,
                                           .xattrs = {{"security.capability", std::string("\1\0\0\2", 4)}}});
    ASSERT_OK(writer.WriteFile(0, "begin"));
    ASSERT_OK(writer.WriteFile(10 << 20, std::string(3 << 20, 'x')));
    ASSERT_OK(writer.EndFile(100 << 20));
    ASSERT_OK(writer.AddHardLink(writer.root(), "pong", file));
    ASSERT_OK(writer.AddSymlink(writer.root(), "short", "/etc/ping", {}));
    ASSERT_OK(writer.AddSymlink(writer.root(), "long", "etc/" + std::string(100, '.') + "/../ping", {}));
    ASSERT_OK(writer.AddSymlink(writer.root(), "loop", "loop", {}));
    ASSERT_OK(writer.AddSpecial(writer.root(), "tty", Type::kCharDevice, 5, 300, {.mode = 0620}));
    ASSERT_OK(writer.Finish({.size_bytes = 64 << 20, .journal_mib = 4}));
  }

  void Flip(std::int64_t offset) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(path_, O_RDWR));
    char byte = 0;
    ASSERT_EQ(::pread(fd.get(), &byte, 1, offset), 1);
    byte = static_cast<char>(byte ^ 1);
    ASSERT_EQ(::pwrite(fd.get(), &byte, 1, offset), 1);
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const std::filesystem::path path_ = dir_->path() / "fs.ext4";
};

TEST_F(Ext4ReaderTest, GivesBackAllThatWasWritten) {
  WriteSample();
  ASSERT_OK_AND_ASSIGN(const Ext4Reader reader, Ext4Reader::Open(path_));
  EXPECT_EQ(reader.size_bytes(), 64 << 20);
  ASSERT_OK_AND_ASSIGN(const auto ping, reader.Find("/etc/ping"));
  EXPECT_THAT(reader.Find("pong"), IsOkAndHolds(ping));
  EXPECT_THAT(reader.Find("/short"), IsOkAndHolds(ping));
  ASSERT_OK_AND_ASSIGN(const Ext4Reader::Node node, reader.Read(ping));
  EXPECT_EQ(node.type, Type::kFile);
  EXPECT_EQ(node.names, 2U);
  EXPECT_EQ(node.size, 100 << 20);
  EXPECT_EQ(node.attributes.mode, 04755U);
  EXPECT_EQ(node.attributes.uid, 70000U);
  EXPECT_EQ(node.attributes.gid, 5U);
  EXPECT_EQ(node.attributes.mtime_seconds, 5'000'000'000);
  EXPECT_EQ(node.attributes.mtime_nanoseconds, 123'456'789U);
  EXPECT_THAT(node.attributes.xattrs, ElementsAre(Pair("security.capability", std::string("\1\0\0\2", 4))));
  ASSERT_OK_AND_ASSIGN(const auto root, reader.List(Ext4Reader::kRoot));
  std::map<std::string, Ext4Reader::Number> names(root.begin(), root.end());
  EXPECT_EQ(reader.Read(names["short"])->target, "/etc/ping");
  EXPECT_THAT(reader.Read(names["long"])->target, HasSubstr("/../ping"));
  EXPECT_THAT(reader.Find("loop"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(reader.Find("etc/ping/x"), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(const Ext4Reader::Node tty, reader.Read(names["tty"]));
  EXPECT_EQ(tty.type, Type::kCharDevice);
  EXPECT_EQ(tty.device_major, 5U);
  EXPECT_EQ(tty.device_minor, 300U);
}

TEST_F(Ext4ReaderTest, HolesAreSkipped) {
  WriteSample();
  ASSERT_OK_AND_ASSIGN(const Ext4Reader reader, Ext4Reader::Open(path_));
  std::int64_t bytes = 0;
  std::int64_t end = 0;
  const auto sink = [&](std::int64_t offset, absl::string_view data) {
    EXPECT_GE(offset, end);
    EXPECT_LE(data.size(), 1U << 20);
    end = offset + static_cast<std::int64_t>(data.size());
    bytes += static_cast<std::int64_t>(data.size());
    return absl::OkStatus();
  };
  ASSERT_OK(reader.ReadContent(*reader.Find("pong"), sink));
  EXPECT_EQ(end, 13 << 20);
  EXPECT_EQ(bytes, (3 << 20) + 4096);
  EXPECT_THAT(reader.ReadBegin(*reader.Find("pong"), 5), IsOkAndHolds("begin"));
  const auto refuse = [](std::int64_t, absl::string_view) { return absl::CancelledError("enough"); };
  EXPECT_THAT(reader.ReadContent(*reader.Find("pong"), refuse), StatusIs(absl::StatusCode::kCancelled));
}

// Other programs' file systems: block maps instead of extents, small inodes, data
// within inodes.
TEST_F(Ext4ReaderTest, ReadsWhatMke2fsMakes) {
  const std::filesystem::path tree = dir_->path() / "tree";
  ASSERT_OK(MakeDirectories(tree / "a"));
  const std::string large = std::string(5 << 20, 'l') + "end";
  ASSERT_OK(WriteFileAtomically(tree / "a/large", large));
  ASSERT_OK(WriteFileAtomically(tree / "tiny", "tiny"));
  for (const char* type : {"ext2", "ext3", "ext4", "ext4 -O inline_data", "ext2 -I 128 -b 1024"}) {
    std::filesystem::remove(path_);
    const std::string command =
        absl::StrCat("mke2fs -q -t ", type, " -d ", tree.string(), " ", path_.string(), " 32M");
    ASSERT_TRUE(
        RunCommand({.argv = {"/bin/sh", "-c", "PATH=$PATH:/sbin:/usr/sbin; " + command}})->status.success());
    ASSERT_OK_AND_ASSIGN(const Ext4Reader reader, Ext4Reader::Open(path_));
    std::string content;
    ASSERT_OK(reader.ReadContent(*reader.Find("a/large"), [&](std::int64_t offset, absl::string_view data) {
      content.resize(static_cast<std::size_t>(offset));
      content.append(data.data(), data.size());
      return absl::OkStatus();
    }));
    EXPECT_TRUE(content == large) << type;
    EXPECT_THAT(reader.ReadBegin(*reader.Find("tiny"), 100), IsOkAndHolds("tiny")) << type;
    EXPECT_TRUE(reader.Read(*reader.Find("tiny"))->attributes.xattrs.empty()) << type;
  }
}

TEST_F(Ext4ReaderTest, RefusesWhatNoKernelWouldMount) {
  const auto open = [this] { return Ext4Reader::Open(path_).status(); };
  EXPECT_THAT(open(), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(WriteFileAtomically(path_, ""));
  EXPECT_THAT(open(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no ext4")));
  ASSERT_OK(WriteFileAtomically(path_, std::string(1 << 20, 'x')));
  EXPECT_THAT(open(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no ext4")));
  std::filesystem::remove(path_);
  WriteSample();
  Flip(1024 + 0x78);  // the label
  EXPECT_THAT(open(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("superblock's checksum")));
  Flip(1024 + 0x78);
  ASSERT_OK(open());
  Flip(4096 + 0x0c);  // a count of the first group
  EXPECT_THAT(open(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("block group 0")));
  Flip(4096 + 0x0c);
  std::filesystem::resize_file(path_, (64 << 20) - 1);
  EXPECT_THAT(open(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("the file only")));
}

// Maps that lead back to themselves name more blocks than there are stars.
TEST_F(Ext4ReaderTest, MapsWithoutAnEndAreRefused) {
  ASSERT_OK(MakeDirectories(dir_->path() / "tree/d"));
  ASSERT_OK(WriteFileAtomically(dir_->path() / "tree/f", "x"));
  const std::string command = absl::StrCat(
      "PATH=$PATH:/sbin:/usr/sbin; cd ", dir_->path().string(),
      " && mke2fs -q -t ext2 -b 4096 -d tree fs.ext4 4M &&"
      " printf '\\0\\2\\0\\0%.0s' $(seq 1024) | dd of=fs.ext4 bs=4096 seek=512 conv=notrunc status=none &&"
      " debugfs -w -R 'sif /d block[TIND] 512' fs.ext4 && debugfs -w -R 'sif /f block[TIND] 512' fs.ext4 &&"
      " debugfs -w -R 'sif /f size 1099511627776' fs.ext4");
  ASSERT_OK(RunCommandOk({.argv = {"sh", "-ec", command}}));
  ASSERT_OK_AND_ASSIGN(const Ext4Reader reader, Ext4Reader::Open(path_));
  ASSERT_OK_AND_ASSIGN(const auto directory, reader.Find("d"));
  ASSERT_OK_AND_ASSIGN(const auto file, reader.Find("f"));
  const auto refused = StatusIs(absl::StatusCode::kDataLoss, HasSubstr("more blocks than"));
  EXPECT_THAT(reader.List(directory), refused);
  EXPECT_THAT(reader.Find("d/x"), refused);
  EXPECT_THAT(reader.DataRanges(file), refused);
  EXPECT_THAT(reader.ReadContent(file, [](std::int64_t, absl::string_view) { return absl::OkStatus(); }),
              refused);
}

// One byte anywhere in what is not content: an error or not, but never a crash.
TEST_F(Ext4ReaderTest, DamageIsAnErrorWhereverItIs) {
  WriteSample();
  const std::int64_t end = static_cast<std::int64_t>(*DiskUsage(path_));
  for (std::int64_t offset = 1024; offset < end; offset += 8191) {
    Flip(offset);
    if (const absl::StatusOr<Ext4Reader> reader = Ext4Reader::Open(path_); reader.ok()) {
      for (Ext4Reader::Number number = 1; number < 40; ++number) {
        const absl::StatusOr<Ext4Reader::Node> node = reader->Read(number);
        if (!node.ok()) continue;
        if (node->type == Type::kDirectory) reader->List(number).status().IgnoreError();
        if (node->type == Type::kFile)
          reader->ReadContent(number, [](std::int64_t, absl::string_view) { return absl::OkStatus(); })
              .IgnoreError();
      }
    }
    Flip(offset);
  }
  EXPECT_OK(CheckExt4(path_));
}

}  // namespace
}  // namespace banger
