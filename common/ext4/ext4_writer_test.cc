#include "common/ext4/ext4_writer.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ext4::Inode;
using ext4::Type;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr ext4::Options k64MiB{.size_bytes = 64 << 20};

class Ext4WriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create());
    path_ = directory_.path() / "fs.ext4";
    ASSERT_OK_AND_ASSIGN(Ext4Writer writer, Ext4Writer::Create(path_));
    writer_.emplace(std::move(writer));
  }

  Inode* AddDirectory(Inode* parent, const std::string& name) {
    return *writer_->AddDirectory(parent, name, {.mode = 0755});
  }

  Inode* AddFile(Inode* parent, const std::string& name, const std::string& content,
                 ext4::Attributes attributes = {.mode = 0644}) {
    Inode* const file = *writer_->BeginFile(parent, name, std::move(attributes));
    EXPECT_OK(writer_->WriteFile(0, content));
    EXPECT_OK(writer_->EndFile(static_cast<std::int64_t>(content.size())));
    return file;
  }

  // Finishes and checks; what comes back looks into the file.
  Ext4Inspector Finish(const ext4::Options& options = k64MiB) {
    EXPECT_OK(writer_->Finish(options));
    EXPECT_OK(CheckExt4(path_));
    absl::StatusOr<Ext4Inspector> inspector = Ext4Inspector::Open(path_);
    EXPECT_OK(inspector);
    return *std::move(inspector);
  }

  TempDir directory_;
  std::filesystem::path path_;
  std::optional<Ext4Writer> writer_;
};

TEST_F(Ext4WriterTest, KeepsContentOwnerModeAndTime) {
  AddFile(writer_->root(), "su", "#!/bin/sh\n",
          {.mode = 04755,
           .uid = 70000,
           .gid = 4000000000,
           .mtime_seconds = 1700000000,
           .mtime_nanoseconds = 987654321});
  const Ext4Inspector fs = Finish();

  ASSERT_OK_AND_ASSIGN(const Ext4Stat stat, fs.Stat("/su"));
  EXPECT_EQ(stat.mode, S_IFREG | 04755u);
  EXPECT_EQ(stat.uid, 70000u);
  EXPECT_EQ(stat.gid, 4000000000u);
  EXPECT_EQ(stat.mtime_seconds, 1700000000);
  EXPECT_EQ(stat.mtime_nanoseconds, 987654321u);
  EXPECT_EQ(stat.links, 1u);
  EXPECT_THAT(fs.ReadFile("/su"), IsOkAndHolds("#!/bin/sh\n"));
}

TEST_F(Ext4WriterTest, KeepsTimesBefore1970AndAfter2038) {
  AddFile(writer_->root(), "old", "", {.mode = 0644, .mtime_seconds = -1000});
  AddFile(writer_->root(), "new", "", {.mode = 0644, .mtime_seconds = 5000000000});
  const Ext4Inspector fs = Finish();

  EXPECT_EQ(fs.Stat("/old")->mtime_seconds, -1000);
  EXPECT_EQ(fs.Stat("/new")->mtime_seconds, 5000000000);
}

TEST_F(Ext4WriterTest, KeepsShortAndLongSymlinks) {
  const std::string longest(4095, 'x');
  for (const std::size_t length : {1, 59, 60, 200, 4095})
    ASSERT_OK(writer_->AddSymlink(writer_->root(), absl::StrCat("l", length), longest.substr(0, length), {}));
  const Ext4Inspector fs = Finish();

  for (const std::size_t length : {1, 59, 60, 200, 4095})
    EXPECT_THAT(fs.ReadLink(absl::StrCat("/l", length)), IsOkAndHolds(longest.substr(0, length)));
}

TEST_F(Ext4WriterTest, KeepsDevicesFifosAndSockets) {
  ASSERT_OK(writer_->AddSpecial(writer_->root(), "null", Type::kCharDevice, 1, 3, {.mode = 0666}));
  ASSERT_OK(writer_->AddSpecial(writer_->root(), "vd", Type::kBlockDevice, 259, 70000, {.mode = 0660}));
  ASSERT_OK(writer_->AddSpecial(writer_->root(), "pipe", Type::kFifo, 0, 0, {.mode = 0600}));
  ASSERT_OK(writer_->AddSpecial(writer_->root(), "sock", Type::kSocket, 0, 0, {.mode = 0600}));
  const Ext4Inspector fs = Finish();

  EXPECT_EQ(fs.Stat("/null")->mode, S_IFCHR | 0666u);
  EXPECT_EQ(fs.Stat("/null")->device_minor, 3u);
  EXPECT_EQ(fs.Stat("/vd")->device_major, 259u);
  EXPECT_EQ(fs.Stat("/vd")->device_minor, 70000u);
  EXPECT_EQ(fs.Stat("/pipe")->mode, S_IFIFO | 0600u);
  EXPECT_EQ(fs.Stat("/sock")->mode, S_IFSOCK | 0600u);
}

TEST_F(Ext4WriterTest, KeepsXattrsInAndOutsideTheInode) {
  AddFile(writer_->root(), "ping", "x",
          {.mode = 0755, .xattrs = {{"security.capability", std::string(20, '\1')}}});
  AddFile(writer_->root(), "big", "x",
          {.mode = 0755, .xattrs = {{"user.a", std::string(3000, 'a')}, {"trusted.b", "b"}}});
  const Ext4Inspector fs = Finish();

  EXPECT_THAT(fs.Xattrs("/ping"),
              IsOkAndHolds(ElementsAre(Pair("security.capability", std::string(20, '\1')))));
  EXPECT_THAT(fs.Xattrs("/big"), IsOkAndHolds(UnorderedElementsAre(Pair("user.a", std::string(3000, 'a')),
                                                                   Pair("trusted.b", "b"))));
}

TEST_F(Ext4WriterTest, GivesHardLinksOneInode) {
  Inode* const directory = AddDirectory(writer_->root(), "d");
  Inode* const file = AddFile(writer_->root(), "a", "same");
  ASSERT_OK(writer_->AddHardLink(directory, "b", file));
  const Ext4Inspector fs = Finish();

  EXPECT_EQ(fs.Stat("/a")->number, fs.Stat("/d/b")->number);
  EXPECT_EQ(fs.Stat("/a")->links, 2u);
  EXPECT_THAT(fs.ReadFile("/d/b"), IsOkAndHolds("same"));
}

TEST_F(Ext4WriterTest, CountsTheLinksOfDirectories) {
  Inode* const directory = AddDirectory(writer_->root(), "d");
  AddDirectory(directory, "x");
  AddDirectory(directory, "y");
  const Ext4Inspector fs = Finish();

  EXPECT_EQ(fs.Stat("/d")->links, 4u);
  EXPECT_EQ(fs.Stat("/d/x")->links, 2u);
}

TEST_F(Ext4WriterTest, HoldsManyEntriesInOneDirectory) {
  Inode* const directory = AddDirectory(writer_->root(), "d");
  for (int i = 0; i < 30000; ++i) AddFile(directory, absl::StrCat("a file with a number ", i), "");
  const Ext4Inspector fs = Finish({.size_bytes = 256 << 20, .bytes_per_inode = 1 << 20});

  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, fs.List("/d"));
  EXPECT_EQ(names.size(), 30000u);
  EXPECT_OK(fs.Stat("/d/a file with a number 29999"));
}

TEST_F(Ext4WriterTest, KeepsHolesAsHoles) {
  ASSERT_OK(writer_->BeginFile(writer_->root(), "sparse", {.mode = 0644}));
  std::string expected(12 << 20, '\0');
  // 700 pieces: an extent tree of more than one block.
  for (int i = 0; i < 700; ++i) {
    const std::int64_t offset = i * 12288 + 100;
    ASSERT_OK(writer_->WriteFile(offset, "data"));
    expected.replace(static_cast<std::size_t>(offset), 4, "data");
  }
  ASSERT_OK(writer_->EndFile(12 << 20));
  const Ext4Inspector fs = Finish();

  ASSERT_OK_AND_ASSIGN(const std::string content, fs.ReadFile("/sparse"));
  EXPECT_TRUE(content == expected);
  EXPECT_LT(fs.Stat("/sparse")->disk_bytes, 4 << 20);
}

TEST_F(Ext4WriterTest, WritesFilesAcrossGroups) {
  std::string piece(1 << 20, '\0');
  ASSERT_OK(writer_->BeginFile(writer_->root(), "large", {.mode = 0644}));
  for (std::int64_t i = 0; i < 150; ++i) {
    piece[0] = static_cast<char>(i);
    ASSERT_OK(writer_->WriteFile(i << 20, piece));
  }
  ASSERT_OK(writer_->EndFile(150 << 20));
  const Ext4Inspector fs = Finish({.size_bytes = 512 << 20, .journal_mib = 16});

  ASSERT_OK_AND_ASSIGN(const std::string content, fs.ReadFile("/large"));
  for (std::size_t i = 0; i < 150; ++i) ASSERT_EQ(content[i << 20], static_cast<char>(i));
}

TEST_F(Ext4WriterTest, WritesPiecesOfAnySize) {
  std::string content;
  for (int i = 0; i < 3 << 20; ++i) content.push_back(static_cast<char>(i * 7 + i / 4096));
  AddFile(writer_->root(), "small", "s");
  ASSERT_OK(writer_->BeginFile(writer_->root(), "f", {.mode = 0644}));
  std::size_t done = 0;
  for (std::size_t piece = 1; done < content.size(); piece = piece * 5 + 1) {
    ASSERT_OK(writer_->WriteFile(static_cast<std::int64_t>(done), content.substr(done, piece)));
    done = std::min(content.size(), done + piece);
  }
  ASSERT_OK(writer_->EndFile(static_cast<std::int64_t>(content.size())));
  const Ext4Inspector fs = Finish();

  EXPECT_TRUE(*fs.ReadFile("/f") == content);
  EXPECT_THAT(fs.ReadFile("/small"), IsOkAndHolds("s"));
}

TEST_F(Ext4WriterTest, ForgetsWhatWasRemoved) {
  Inode* const directory = AddDirectory(writer_->root(), "d");
  Inode* const deep = AddDirectory(directory, "deep");
  Inode* const kept = AddFile(deep, "kept", std::string(10000, 'k'));
  AddFile(deep, "gone", std::string(5 << 20, 'g'));
  ASSERT_OK(writer_->AddHardLink(writer_->root(), "kept", kept));
  const std::int64_t before = writer_->content_bytes();
  writer_->Remove(writer_->root(), "d");
  writer_->Remove(writer_->root(), "never there");
  EXPECT_EQ(before - writer_->content_bytes(), 5 << 20);
  const Ext4Inspector fs = Finish();

  EXPECT_THAT(fs.List("/"), IsOkAndHolds(ElementsAre("kept", "lost+found")));
  EXPECT_EQ(fs.Stat("/kept")->links, 1u);
  EXPECT_THAT(fs.ReadFile("/kept"), IsOkAndHolds(std::string(10000, 'k')));
  EXPECT_LT(*DiskUsage(path_), 2 << 20);
}

TEST_F(Ext4WriterTest, FreesADirectoryDeeperThanAnyStack) {
  Inode* directory = writer_->root();
  for (int i = 0; i < 200000; ++i) directory = AddDirectory(directory, "d");
  writer_->Remove(writer_->root(), "d");
  EXPECT_EQ(writer_->Find(writer_->root(), "d"), nullptr);
}

TEST_F(Ext4WriterTest, RefusesNamesThatCannotBe) {
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                  std::string("a\0b", 3), std::string(256, 'n')})
    EXPECT_THAT(writer_->AddDirectory(writer_->root(), name, {}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  AddDirectory(writer_->root(), "twice");
  EXPECT_THAT(writer_->AddDirectory(writer_->root(), "twice", {}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("twice")));
}

TEST_F(Ext4WriterTest, RefusesAttributesThatHaveNoPlace) {
  EXPECT_THAT(writer_->AddDirectory(writer_->root(), "a", {.xattrs = {{"user.x", std::string(5000, 'x')}}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(writer_->AddDirectory(writer_->root(), "b", {.xattrs = {{"strange.x", "x"}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("strange.x")));
  EXPECT_THAT(writer_->AddDirectory(writer_->root(), "c", {.mtime_seconds = std::int64_t{1} << 40}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(Ext4WriterTest, RefusesASizeThatDoesNotHoldTheContentAndLeavesNoFile) {
  AddFile(writer_->root(), "f", std::string(8 << 20, 'f'));
  EXPECT_THAT(writer_->Finish({.size_bytes = 6 << 20}), StatusIs(absl::StatusCode::kOutOfRange));
  writer_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Ext4WriterTest, LeavesNoFileUnlessFinished) {
  AddFile(writer_->root(), "f", "f");
  writer_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Ext4WriterTest, ReplacesNoFileThatExists) {
  EXPECT_THAT(Ext4Writer::Create(path_), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

bool Put(const char* path, const std::string& text) {
  const absl::StatusOr<UniqueFd> file = OpenFile(path, O_WRONLY);
  return file.ok() && WriteFully(file->get(), text).ok();
}

// Runs in a child with a full disk: a tmpfs of 1 MiB in its own mount namespace.
int WriteToAFullDisk(const std::filesystem::path& mount_point) {
  const std::string uid_map = absl::StrCat("0 ", ::getuid(), " 1");
  const std::string gid_map = absl::StrCat("0 ", ::getgid(), " 1");
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 77;
  // Files can be made only by a user and group that the namespace knows.
  if (!Put("/proc/self/setgroups", "deny") || !Put("/proc/self/uid_map", uid_map) ||
      !Put("/proc/self/gid_map", gid_map))
    return 77;
  if (::mount("none", mount_point.c_str(), "tmpfs", 0, "size=1m") != 0) return 77;
  const std::filesystem::path path = mount_point / "fs.ext4";
  absl::Status status;
  {
    absl::StatusOr<Ext4Writer> writer = Ext4Writer::Create(path);
    if (!writer.ok() || !writer->BeginFile(writer->root(), "f", {}).ok()) return 1;
    const std::string data(4 << 20, 'x');
    status = writer->WriteFile(0, data);
  }
  if (status.code() != absl::StatusCode::kResourceExhausted) return 2;
  return std::filesystem::exists(path) ? 3 : 0;
}

TEST_F(Ext4WriterTest, SaysThatTheDiskIsFullAndLeavesNoFile) {
  const std::filesystem::path mount_point = directory_.path() / "mnt";
  ASSERT_OK(MakeDirectories(mount_point));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(WriteToAFullDisk(mount_point));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(MakeEmptyExt4Test, MakesASparseCleanFileSystemOfAnySize) {
  ASSERT_OK_AND_ASSIGN(const TempDir directory, TempDir::Create());
  for (const std::int64_t mib : {16, 100, 129, 1000, 65536, 1 << 20}) {
    const std::filesystem::path path = directory.path() / absl::StrCat(mib);
    ASSERT_OK(MakeEmptyExt4(path, {.size_bytes = mib << 20, .label = "work", .journal_mib = 4}));
    EXPECT_OK(CheckExt4(path));
    ASSERT_OK_AND_ASSIGN(const Ext4Inspector fs, Ext4Inspector::Open(path));
    EXPECT_EQ(fs.label(), "work");
    EXPECT_EQ(std::filesystem::file_size(path), static_cast<std::uintmax_t>(mib << 20));
    EXPECT_LT(*DiskUsage(path), 16 << 20);
  }
}

TEST(MakeEmptyExt4Test, RefusesWhatCannotBe) {
  ASSERT_OK_AND_ASSIGN(const TempDir directory, TempDir::Create());
  const std::filesystem::path path = directory.path() / "x";
  EXPECT_THAT(MakeEmptyExt4(path, {.size_bytes = 0}), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(MakeEmptyExt4(path, {.size_bytes = ext4::kMaxFileSystemBytes + 4096}),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(MakeEmptyExt4(path, {.size_bytes = 64 << 20, .label = "seventeen letters"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(MakeEmptyExt4(path, {.size_bytes = 64 << 20, .journal_mib = 2}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace banger
