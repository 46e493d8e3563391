#include "services/kerneld/adapters/disk_store.h"

#include <gtest/gtest.h>

#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"

namespace banger::kerneld {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DiskStoreTest : public ::testing::Test {
 protected:
  absl::Status Publish(const std::string& id, const std::string& vmlinux) {
    BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<Staging> staging, store_->Stage());
    BANGER_RETURN_IF_ERROR(WriteFileAtomically(staging->kernel_dir() / "vmlinux", vmlinux));
    return store_->Publish(*staging,
                           {.id = id,
                            .distro = "debian",
                            .arch = "x86_64",
                            .kernel_version = "6.1",
                            .sha256 = "ab",
                            .source = "import:x",
                            .imported_at = std::chrono::system_clock::time_point(std::chrono::seconds(99))});
  }
  void PutByHand(const std::string& id, const std::string& manifest) {
    fs::create_directories(root_ / id);
    ASSERT_OK(WriteFileAtomically(root_ / id / "vmlinux", "elf"));
    ASSERT_OK(WriteFileAtomically(root_ / id / "manifest.json", manifest));
  }
  std::size_t Listed() { return store_->List()->size(); }
  std::vector<fs::path> Staged() const {
    return {fs::directory_iterator(root_ / ".staging"), fs::directory_iterator()};
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path root_ = dir_->path() / "kernels";
  std::unique_ptr<DiskStore> store_ = *DiskStore::Open(root_);
};

TEST_F(DiskStoreTest, APublishedKernelIsFoundAsItWasDescribed) {
  ASSERT_OK(Publish("a", "elf"));
  ASSERT_OK_AND_ASSIGN(const KernelFiles files, store_->Find("a"));
  EXPECT_EQ(files.kernel.id, "a");
  EXPECT_EQ(files.kernel.distro, "debian");
  EXPECT_EQ(files.kernel.source, "import:x");
  EXPECT_EQ(std::chrono::system_clock::to_time_t(files.kernel.imported_at), 99);
  EXPECT_GT(files.kernel.size_bytes, 3);
  EXPECT_FALSE(files.kernel.has_initrd);
  EXPECT_FALSE(files.kernel.has_modules);
  EXPECT_EQ(files.vmlinux, root_ / "a" / "vmlinux");
  EXPECT_EQ(files.initrd, "");
  EXPECT_THAT(Staged(), IsEmpty());
}

TEST_F(DiskStoreTest, AReplacedKernelsOpenFilesKeepTheirVersion) {
  ASSERT_OK(Publish("a", "old"));
  fs::create_hard_link(root_ / "a" / "vmlinux", dir_->path() / "kept");
  ASSERT_OK(Publish("a", "new"));
  EXPECT_THAT(ReadFile(root_ / "a" / "vmlinux"), IsOkAndHolds("new"));
  EXPECT_THAT(ReadFile(dir_->path() / "kept"), IsOkAndHolds("old"));
  EXPECT_THAT(Staged(), IsEmpty());
}

TEST_F(DiskStoreTest, WhatWasPutThereByHandIsListed) {
  PutByHand("mine", "{\"name\": \"another\", \"kernel_version\": \"5.4\"}");
  fs::create_directories(root_ / "mine" / "modules" / "kernel");
  ASSERT_OK(WriteFileAtomically(root_ / "mine" / "initrd.img", "cpio"));
  ASSERT_OK_AND_ASSIGN(const KernelFiles files, store_->Find("mine"));
  EXPECT_EQ(files.kernel.id, "mine") << "the directory's name counts";
  EXPECT_EQ(files.kernel.kernel_version, "5.4");
  EXPECT_EQ(files.initrd, root_ / "mine" / "initrd.img");
  EXPECT_EQ(files.modules, root_ / "mine" / "modules");
  EXPECT_EQ(Listed(), 1U);
}

TEST_F(DiskStoreTest, BrokenEntriesAreLeftOutNamedAndCanBeRemoved) {
  ASSERT_OK(log::Init("test", "off"));
  ASSERT_OK(Publish("good", "elf"));
  PutByHand("no-json", "}{");
  PutByHand("wrong-type", "{\"arch\": 7}");
  PutByHand("wrong-time", "{\"imported_at\": \"yesterday\"}");
  PutByHand("no-vmlinux", "{}");
  fs::remove(root_ / "no-vmlinux" / "vmlinux");
  fs::create_directories(root_ / "empty");
  fs::create_directories(root_ / "not a name");
  ASSERT_OK(WriteFileAtomically(root_ / "file", "x"));
  EXPECT_EQ(Listed(), 1U);
  for (const char* id : {"no-json", "wrong-type", "wrong-time", "no-vmlinux", "empty"}) {
    EXPECT_THAT(store_->Find(id), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(id)));
    EXPECT_TRUE(store_->Exists(id));
    EXPECT_OK(store_->Remove(id));
    EXPECT_FALSE(fs::exists(root_ / id));
  }
}

TEST_F(DiskStoreTest, RemovesAKernelAsAWholeAndOnlyOnce) {
  ASSERT_OK(Publish("a", "elf"));
  EXPECT_OK(store_->Remove("a"));
  EXPECT_THAT(store_->Find("a"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->Remove("a"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("'a'")));
  EXPECT_THAT(Staged(), IsEmpty());
}

TEST_F(DiskStoreTest, AnUnpublishedStagingLeavesNothing) {
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Staging> staging, store_->Stage());
    ASSERT_OK(WriteFileAtomically(staging->kernel_dir() / "vmlinux", "half"));
    EXPECT_EQ(Listed(), 0U);
  }
  EXPECT_THAT(Staged(), IsEmpty());
}

TEST_F(DiskStoreTest, ANewStartSweepsWhatACrashLeft) {
  fs::create_directories(root_ / ".staging" / "crashed" / "kernel");
  ASSERT_OK(WriteFileAtomically(root_ / ".staging" / "crashed" / "kernel" / "vmlinux", "half"));
  ASSERT_OK(Publish("good", "elf"));
  ASSERT_OK_AND_ASSIGN(store_, DiskStore::Open(root_));
  EXPECT_THAT(Staged(), IsEmpty());
  EXPECT_EQ(Listed(), 1U);
}

}  // namespace
}  // namespace banger::kerneld
