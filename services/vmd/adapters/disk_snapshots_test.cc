#include "services/vmd/adapters/disk_snapshots.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/vmd/adapters/snapshot_seal.h"
#include "services/vmd/adapters/vm_files.h"

namespace banger::vmd {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kUid[] = "0123456789ab";
constexpr char kTwin[] = "ba9876543210";

class DiskSnapshotsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    files_ = std::make_unique<DiskFiles>(dir_.path(), dir_.path() / "agent", dir_.path() / "banger-agent",
                                         dir_.path() / "guest");
    snapshots_ = std::make_unique<DiskSnapshots>(*files_);
    ASSERT_OK(MakeDirectories(Vm()));
    WriteDisks("then");
    ASSERT_OK(WriteFileAtomically(Vm() / "agent.ext4", "agent"));
  }

  fs::path Vm(const std::string& uid = kUid) const { return dir_.path() / uid; }
  fs::path Of(const std::string& name) const { return Vm() / "snapshots" / name; }
  // Sparse, as disks are.
  void WriteDisks(const std::string& content) {
    for (const char* disk : {"upper.ext4", "work.ext4"}) {
      ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(Vm() / disk, O_WRONLY | O_CREAT));
      ASSERT_EQ(::ftruncate(fd.get(), 4 << 20), 0);
      ASSERT_EQ(::pwrite(fd.get(), content.data(), content.size(), 1 << 20),
                static_cast<ssize_t>(content.size()));
    }
  }
  std::string DiskOf(const std::string& uid, const std::string& disk = "upper.ext4") const {
    const auto content = ReadFile(Vm(uid) / disk, 100 << 20);
    return content.ok() ? content->substr(1 << 20, 4).c_str() : "none";
  }
  static Snapshot Running(const std::string& name) {
    return {.name = name,
            .create_time = Time(std::chrono::seconds(1'700'000'000)),
            .image = "mini",
            .sizes = {.vcpu = 2, .memory_mib = 512, .disk_size_bytes = 4 << 20, .rootfs_size_bytes = 4 << 20},
            .workspace = "/root/app",
            .kernel = {.release = "6.1.0", .digest = "abc"},
            .machine = FrozenMachine{.vmm = {.vmm = "qemu-tcg", .version = "7.2", .host_cpu = "Z80"},
                                     .network_mode = NetworkMode::kBridge,
                                     .mac = "52:b4:ac:1e:00:02"}};
  }
  void Make(const std::string& name) {
    ASSERT_OK_AND_ASSIGN(const fs::path directory, snapshots_->Begin(kUid));
    ASSERT_OK(WriteFileAtomically(directory / "memory", std::string(10'000, 'm')));
    ASSERT_OK(snapshots_->CopyDisks(kUid, /*with_agent=*/true));
    ASSERT_OK(snapshots_->Publish(kUid, Running(name), {}));
  }
  void Flip(const fs::path& file, off_t at) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(file, O_RDWR));
    char byte = 0;
    ASSERT_EQ(::pread(fd.get(), &byte, 1, at), 1);
    byte ^= 0x10;
    ASSERT_EQ(::pwrite(fd.get(), &byte, 1, at), 1);
  }
  std::vector<std::string> Leftovers(const std::string& uid = kUid) const {
    std::vector<std::string> names;
    for (const fs::path& directory : {Vm(uid), Vm(uid) / "snapshots"}) {
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(directory, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with('.') || name.starts_with("restore")) names.push_back(name);
      }
    }
    return names;
  }

  TempDir dir_;
  std::unique_ptr<DiskFiles> files_;
  std::unique_ptr<DiskSnapshots> snapshots_;
};

TEST_F(DiskSnapshotsTest, WhatIsPublishedIsFoundAsItWasAndWhole) {
  Make("base");
  ASSERT_OK_AND_ASSIGN(Snapshot found, snapshots_->Find(kUid, "base"));
  EXPECT_GT(found.used_bytes, 10'000);
  EXPECT_LT(found.used_bytes, 1 << 20) << "disks are copied sparse";
  found.used_bytes = 0;
  EXPECT_EQ(found, Running("base"));
  EXPECT_OK(snapshots_->Verify(kUid, "base", {}));
  EXPECT_EQ(ErrorReason(snapshots_->CheckFree(kUid, "base")), "SNAPSHOT_EXISTS");
  EXPECT_OK(snapshots_->CheckFree(kUid, "other"));
  EXPECT_THAT(Leftovers(), IsEmpty());
}

TEST_F(DiskSnapshotsTest, MemoryThatNobodyUsedTakesNoRoom) {
  ASSERT_OK_AND_ASSIGN(const fs::path directory, snapshots_->Begin(kUid));
  std::string memory(32 << 20, '\0');
  memory.replace(20 << 20, 4, "used");
  ASSERT_OK(WriteFileAtomically(directory / "memory", memory));
  ASSERT_OK(snapshots_->CopyDisks(kUid, /*with_agent=*/true));
  ASSERT_OK_AND_ASSIGN(const Snapshot made, snapshots_->Publish(kUid, Running("base"), {}));
  EXPECT_LT(made.used_bytes, 1 << 20);
  EXPECT_THAT(ReadFile(Of("base") / "memory"), IsOkAndHolds(memory));
  EXPECT_OK(snapshots_->Verify(kUid, "base", {}));
}

TEST_F(DiskSnapshotsTest, EachFileThatIsNotWhatWasSealedIsNamed) {
  Make("base");
  for (const char* file : {"memory", "upper.ext4", "work.ext4", "agent.ext4"}) {
    const off_t at = std::string(file) == "memory" ? 9'999 : std::string(file) == "agent.ext4" ? 2 : 1 << 20;
    Flip(Of("base") / file, at);
    EXPECT_THAT(snapshots_->Verify(kUid, "base", {}),
                StatusIs(absl::StatusCode::kDataLoss, AllOf(HasSubstr("snapshot 'base' is damaged"),
                                                            HasSubstr(file), HasSubstr("sealed"))));
    Flip(Of("base") / file, at);
    ASSERT_OK(snapshots_->Verify(kUid, "base", {}));
  }
  // In a hole.
  Flip(Of("base") / "work.ext4", 3 << 20);
  EXPECT_EQ(ErrorReason(snapshots_->Verify(kUid, "base", {})), "SNAPSHOT_DAMAGED");
}

TEST_F(DiskSnapshotsTest, WhatIsTruncatedOrMissingIsNamed) {
  Make("base");
  ASSERT_EQ(::truncate((Of("base") / "memory").c_str(), 9'999), 0);
  EXPECT_THAT(snapshots_->Verify(kUid, "base", {}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'memory' has 9999 bytes, not 10000")));
  fs::remove(Of("base") / "memory");
  EXPECT_THAT(snapshots_->Verify(kUid, "base", {}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'memory' is missing")));
}

TEST_F(DiskSnapshotsTest, ABrokenSealIsNoSeal) {
  Make("base");
  ASSERT_OK_AND_ASSIGN(const std::string seal, ReadFile(Of("base") / "seal"));
  for (const std::size_t at : {std::size_t{20}, seal.size() / 2, seal.size() - 3}) {
    Flip(Of("base") / "seal", static_cast<off_t>(at));
    EXPECT_THAT(snapshots_->Find(kUid, "base"),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("its seal is broken")));
    EXPECT_EQ(ErrorReason(snapshots_->Verify(kUid, "base", {})), "SNAPSHOT_DAMAGED");
    Flip(Of("base") / "seal", static_cast<off_t>(at));
  }
  ASSERT_EQ(::truncate((Of("base") / "seal").c_str(), 10), 0);
  EXPECT_EQ(ErrorReason(snapshots_->Find(kUid, "base").status()), "SNAPSHOT_DAMAGED");
  ASSERT_OK_AND_ASSIGN(const auto listed, snapshots_->List(kUid));
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].name, "base") << "it can still be deleted";
  EXPECT_OK(snapshots_->Delete(kUid, "base"));
  EXPECT_FALSE(fs::exists(Vm() / "snapshots")) << "the last one leaves nothing";
}

TEST_F(DiskSnapshotsTest, ASealOfAnotherFormatIsRefused) {
  EXPECT_THAT(DecodeSeal(EncodeSeal({.snapshot = Running("x")})).status(), IsOk());
  std::string other = EncodeSeal({.snapshot = Running("x")});
  other = other.substr(0, other.find('\n'));
  other.replace(other.find("\"format\":1"), 10, "\"format\":2");
  EXPECT_THAT(DecodeSeal(other + "\n" + Sha256Hex(other) + "\n"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another version of banger")));
}

TEST_F(DiskSnapshotsTest, AStageChangesNothingUntilItIsCommitted) {
  Make("base");
  WriteDisks("now!");
  ASSERT_OK(snapshots_->Stage(kUid, "base", kUid));
  EXPECT_EQ(DiskOf(kUid), "now!");
  const SnapshotFiles::Staged staged = snapshots_->StageOf(kUid);
  for (const fs::path& path :
       {staged.disks.upper, staged.disks.work, staged.disks.agent, staged.directory / "memory"})
    EXPECT_TRUE(fs::exists(path)) << path;
  EXPECT_EQ(staged.disks.console_log, Vm() / "console.log");
  ASSERT_OK(snapshots_->CommitStage(kUid));
  EXPECT_EQ(DiskOf(kUid), "then");
  EXPECT_EQ(DiskOf(kUid, "work.ext4"), "then");
  EXPECT_THAT(Leftovers(), IsEmpty());
  // What the VM writes from now on is not the snapshot's.
  WriteDisks("more");
  EXPECT_OK(snapshots_->Verify(kUid, "base", {}));
}

TEST_F(DiskSnapshotsTest, AnotherVmGetsAnUnfinishedSnapshotWithoutACopy) {
  ASSERT_OK(snapshots_->Begin(kUid).status());
  ASSERT_OK(snapshots_->CopyDisks(kUid, /*with_agent=*/false));
  ASSERT_OK(snapshots_->Stage(kUid, "", kTwin));
  ASSERT_OK(snapshots_->CommitStage(kTwin));
  ASSERT_OK(snapshots_->Abandon(kUid));
  EXPECT_EQ(DiskOf(kTwin), "then");
  EXPECT_EQ(DiskOf(kUid), "then");
  EXPECT_THAT(Leftovers(), IsEmpty());
  EXPECT_THAT(Leftovers(kTwin), IsEmpty());
}

TEST_F(DiskSnapshotsTest, RecoveryEndsACommitAndUndoesAllElse) {
  Make("base");
  WriteDisks("now!");
  ASSERT_OK(snapshots_->Stage(kUid, "base", kUid));
  ASSERT_OK(snapshots_->Recover(kUid));
  EXPECT_EQ(DiskOf(kUid), "now!");
  // Killed between the two disks.
  ASSERT_OK(snapshots_->Stage(kUid, "base", kUid));
  fs::rename(Vm() / "restore", Vm() / "restored");
  fs::rename(Vm() / "restored/upper.ext4", Vm() / "upper.ext4");
  ASSERT_OK(snapshots_->Recover(kUid));
  EXPECT_EQ(DiskOf(kUid), "then");
  EXPECT_EQ(DiskOf(kUid, "work.ext4"), "then");
  // Killed in a snapshot, and in a deletion.
  ASSERT_OK(snapshots_->Begin(kUid).status());
  ASSERT_OK(MakeDirectories(Of(".gone")));
  EXPECT_TRUE(snapshots_->IsUnfinished(kUid));
  ASSERT_OK(snapshots_->Recover(kUid));
  EXPECT_FALSE(snapshots_->IsUnfinished(kUid));
  EXPECT_THAT(Leftovers(), IsEmpty());
  EXPECT_OK(snapshots_->Verify(kUid, "base", {}));
  EXPECT_OK(snapshots_->Recover("ffffffffffff"));
}

TEST_F(DiskSnapshotsTest, TheyAreListedByNameAndDeleted) {
  for (const char* name : {"b", "a", "c"}) Make(name);
  const auto names = [this] {
    std::vector<std::string> found;
    const auto listed = snapshots_->List(kUid);
    for (const Snapshot& snapshot : *listed) found.push_back(snapshot.name);
    return found;
  };
  EXPECT_THAT(names(), ElementsAre("a", "b", "c"));
  ASSERT_OK(snapshots_->Delete(kUid, "b"));
  EXPECT_EQ(ErrorReason(snapshots_->Delete(kUid, "b")), "SNAPSHOT_NOT_FOUND");
  EXPECT_THAT(names(), ElementsAre("a", "c"));
  EXPECT_THAT(*snapshots_->List("ffffffffffff"), IsEmpty());
}

TEST_F(DiskSnapshotsTest, AKernelIsKnownByItsReleaseAndItsBytes) {
  const fs::path vmlinux = dir_.path() / "vmlinux";
  ASSERT_OK(WriteFileAtomically(vmlinux, "..Linux version %s..Linux version 6.1.0-56-cloud-amd64 (debian)"));
  ASSERT_OK_AND_ASSIGN(const KernelIdentity kernel, snapshots_->IdentifyKernel(vmlinux));
  EXPECT_EQ(kernel.release, "6.1.0-56-cloud-amd64");
  EXPECT_THAT(snapshots_->IdentifyKernel(vmlinux), IsOkAndHolds(kernel));
  ASSERT_OK(WriteFileAtomically(vmlinux, "..Linux version 6.1.0-56-cloud-amd64 (others)"));
  ASSERT_OK_AND_ASSIGN(const KernelIdentity other, snapshots_->IdentifyKernel(vmlinux));
  EXPECT_EQ(other.release, kernel.release);
  EXPECT_NE(other.digest, kernel.digest);
}

}  // namespace
}  // namespace banger::vmd
