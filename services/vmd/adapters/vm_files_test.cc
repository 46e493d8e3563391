#include "services/vmd/adapters/vm_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "services/vmd/adapters/runtime_record.h"

namespace banger::vmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr VmSizes kSizes{.disk_size_bytes = 64ll << 30, .rootfs_size_bytes = 32ll << 20};

class DiskFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    files_ = std::make_unique<DiskFiles>(dir_.path() / "vms", dir_.path() / "agent",
                                         dir_.path() / "banger-agent", dir_.path() / "guest");
  }

  TempDir dir_;
  std::unique_ptr<DiskFiles> files_;
};

TEST_F(DiskFilesTest, DisksAreSoundSparseAndRemovedWithAll) {
  ASSERT_OK(files_->MakeDisks("0123456789ab", kSizes));
  const DiskPaths paths = files_->PathsOf("0123456789ab");
  EXPECT_EQ(std::filesystem::file_size(paths.work), 64ull << 30);
  EXPECT_EQ(std::filesystem::file_size(paths.upper), 32ull << 20);
  EXPECT_LT(files_->DiskUsed("0123456789ab"), 64 << 20);
  for (const auto& disk : {paths.work, paths.upper})
    EXPECT_OK(RunCommandOk({.argv = {"/sbin/e2fsck", "-fn", disk.string()}}));
  ASSERT_OK(files_->MakeDisks("0123456789ab", kSizes));  // an attempt that was cut short
  EXPECT_THAT(files_->List(), IsOkAndHolds(ElementsAre("0123456789ab")));
  ASSERT_OK(files_->Remove("0123456789ab"));
  ASSERT_OK(files_->Remove("0123456789ab"));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "vms/0123456789ab"));
}

TEST_F(DiskFilesTest, DisksGrowWithWhatIsInThemAndNeverShrink) {
  ASSERT_OK(files_->MakeDisks("0123456789ab", kSizes));
  const DiskPaths paths = files_->PathsOf("0123456789ab");
  ASSERT_OK(files_->GrowDisks("0123456789ab", {.disk_size_bytes = 80ll << 30, .rootfs_size_bytes = 1}));
  EXPECT_EQ(std::filesystem::file_size(paths.work), 80ull << 30);
  EXPECT_EQ(std::filesystem::file_size(paths.upper), 32ull << 20);
  EXPECT_LT(files_->DiskUsed("0123456789ab"), 64 << 20);
  EXPECT_OK(RunCommandOk({.argv = {"/sbin/e2fsck", "-fn", paths.work.string()}}));
  EXPECT_THAT(files_->GrowDisks("ffffffffffff", kSizes), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DiskFilesTest, OnlyDirectoriesNamedLikeUidsAreListed) {
  for (const char* name : {"0123456789ab", "lost+found", "0123456789AB", "notes"})
    ASSERT_OK(MakeDirectories(dir_.path() / "vms" / name));
  EXPECT_THAT(files_->List(), IsOkAndHolds(ElementsAre("0123456789ab")));
}

TEST(RuntimeRecordTest, SurvivesARoundTripAndRefusesNonsense) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const auto path = dir.path() / "runtime.json";
  EXPECT_THAT(ReadRuntimeRecord(path), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(WriteRuntimeRecord(
      path,
      {.process = {.pid = 7, .start_ticks = 99, .boot_id = "b"}, .vmm = "qemu-tcg", .console_begin = 5}));
  ASSERT_OK_AND_ASSIGN(const RuntimeRecord record, ReadRuntimeRecord(path));
  EXPECT_EQ(record.process, (ProcessIdentity{.pid = 7, .start_ticks = 99, .boot_id = "b"}));
  EXPECT_EQ(record.console_begin, 5);
  for (const char* nonsense : {"", "{", "[]", "{}", R"({"pid": "x"})", R"({"pid": 1, "start_ticks": -1})"}) {
    ASSERT_OK(WriteFileAtomically(path, nonsense));
    EXPECT_THAT(ReadRuntimeRecord(path), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("runtime.json")));
  }
  // A crash can leave one half written.
  ASSERT_OK(WriteFileAtomically(path.string() + ".Xy12ab", "{"));
  RemoveRuntimeRecord(path);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  RemoveRuntimeRecord(dir.path() / "nothing" / "runtime.json");
}

}  // namespace
}  // namespace banger::vmd
