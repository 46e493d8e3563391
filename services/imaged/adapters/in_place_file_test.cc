#include "services/imaged/adapters/in_place_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "common/ext4/testing/ext4_inspector.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/testing/sample_rootfs.h"

namespace banger::imaged {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class InPlaceFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(MakeDirectories(allowed_));
    ASSERT_OK(WriteSampleRootfs(file_));
  }
  absl::StatusOr<BuiltRootfs> Register(const fs::path& path) {
    return InPlaceBuilder(path, {"/nonexistent", allowed_}).Build("/unused", 0, {});
  }
  void ExpectRefused(const fs::path& path, const std::string& why) {
    const absl::Status status = Register(path).status();
    EXPECT_EQ(ErrorReason(status), "PATH_NOT_ALLOWED") << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path allowed_ = fs::canonical(dir_->path()) / "allowed";
  const fs::path file_ = allowed_ / "rootfs.ext4";
};

TEST_F(InPlaceFileTest, AFileIsLookedAtAndLeftAlone) {
  const auto before = fs::last_write_time(file_);
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built, Register(file_));
  EXPECT_EQ(built.os, "Sample 1");
  EXPECT_EQ(built.arch, "x86_64");
  ASSERT_TRUE(built.in_place.has_value());
  EXPECT_EQ(built.in_place->path, file_);
  EXPECT_EQ(built.in_place->size_bytes, 16 << 20);
  EXPECT_OK(OpenUnchanged(*built.in_place));
  EXPECT_EQ(fs::last_write_time(file_), before);
}

TEST_F(InPlaceFileTest, PathsThatCouldBeBentAreRefused) {
  fs::create_symlink(file_, allowed_ / "link.ext4");
  ExpectRefused(allowed_ / "link.ext4", "is a symlink");
  fs::create_directory(dir_->path() / "real");
  fs::copy_file(file_, dir_->path() / "real/rootfs.ext4");
  fs::create_directory_symlink(dir_->path() / "real", allowed_ / "dir");
  ExpectRefused(allowed_ / "dir/rootfs.ext4", "is a symlink");
  ExpectRefused(dir_->path() / "real/rootfs.ext4", "lies below no directory");
  ExpectRefused(allowed_.string() + "-not/rootfs.ext4", "lies below no directory");
  ExpectRefused("/etc/shadow", "lies below no directory");
  ExpectRefused(allowed_ / "nothing", "No such file");
  for (const fs::path& path :
       {fs::path("rootfs.ext4"), allowed_ / "../allowed/rootfs.ext4", allowed_ / "./rootfs.ext4"})
    EXPECT_EQ(ErrorReason(Register(path).status()), "REQUEST_INVALID") << path;
}

TEST_F(InPlaceFileTest, OnlyARegularFileOfSomebodyTrustedIsTaken) {
  ExpectRefused(allowed_, "lies below no directory");
  fs::create_directory(allowed_ / "d");
  ExpectRefused(allowed_ / "d", "is not a regular file");
  ASSERT_EQ(::mkfifo((allowed_ / "fifo").c_str(), 0600), 0);
  ExpectRefused(allowed_ / "fifo", "is not a regular file");
  ASSERT_EQ(::chmod(file_.c_str(), 0666), 0);
  ExpectRefused(file_, "can be written to by others");
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chmod(file_.c_str(), 0600), 0);
  ASSERT_EQ(::chown(file_.c_str(), 12345, 12345), 0);
  ExpectRefused(file_, "belongs to user 12345");
  ASSERT_EQ(::chown(allowed_.c_str(), 12345, 12345), 0);
  EXPECT_OK(Register(file_)) << "the directory is that user's";
}

TEST_F(InPlaceFileTest, AFileThatChangedOrVanishedIsNamed) {
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built, Register(file_));
  const InPlaceFile file = *built.in_place;
  const auto expect = [&](const std::string& why) {
    const absl::Status status = OpenUnchanged(file).status();
    EXPECT_EQ(ErrorReason(status), "IMAGE_CORRUPT");
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    EXPECT_THAT(std::string(status.message()), HasSubstr(file_.string()));
  };
  { std::ofstream(file_, std::ios::in | std::ios::out) << "x"; }
  fs::last_write_time(file_, fs::last_write_time(file_) + std::chrono::seconds(1));
  expect("has changed since it was registered");
  fs::remove(file_);
  expect("is gone");
  ASSERT_OK(WriteSampleRootfs(file_));
  expect("has changed");
  fs::remove(file_);
  fs::create_symlink("/etc/passwd", file_);
  expect("is a symlink");
}

TEST_F(InPlaceFileTest, ACopyIsTheSameWithItsHoles) {
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built, Register(file_));
  std::int64_t copied = 0;
  const auto progress = [&copied](const Progress& step) { copied = step.done_bytes; };
  const fs::path copy = dir_->path() / "copy.ext4";
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs again, InPlaceCopier(*built.in_place, progress).Build(copy, 0, {}));
  EXPECT_FALSE(again.in_place.has_value());
  EXPECT_TRUE(*ReadFile(copy, 128 << 20) == *ReadFile(file_, 128 << 20));
  EXPECT_LT(*DiskUsage(copy), 8 << 20);
  EXPECT_OK(CheckExt4(copy));
  std::stop_source stop;
  stop.request_stop();
  fs::remove(copy);
  const absl::Status stopped =
      InPlaceCopier(*built.in_place, progress).Build(copy, 0, stop.get_token()).status();
  // A reflink is done before anybody can stop it.
  EXPECT_TRUE(stopped.ok() || absl::IsCancelled(stopped)) << stopped;
  { std::ofstream(file_, std::ios::app) << "x"; }
  fs::remove(copy);
  EXPECT_EQ(ErrorReason(InPlaceCopier(*built.in_place, progress).Build(copy, 0, {}).status()),
            "IMAGE_CORRUPT");
}

}  // namespace
}  // namespace banger::imaged
