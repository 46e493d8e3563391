#include "services/imaged/adapters/disk_store.h"

#include <sys/stat.h>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::imaged {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DiskStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create());
    Reopen();
    ASSERT_OK(MakeDirectories(directory_.path() / "kernels"));
    kernel_ = {.id = "k",
               .vmlinux = directory_.path() / "kernels/vmlinux",
               .initrd = directory_.path() / "kernels/initrd"};
    ASSERT_OK(WriteFileAtomically(kernel_.vmlinux, "vmlinux"));
    ASSERT_OK(WriteFileAtomically(kernel_.initrd, "initrd"));
  }

  void Reopen() {
    ASSERT_OK_AND_ASSIGN(DiskStore store, DiskStore::Open(images()));
    store_.emplace(std::move(store));
  }

  fs::path images() const { return directory_.path() / "images"; }

  absl::StatusOr<Image> Publish(const Image& image, const KernelFiles* kernel = nullptr) {
    const fs::path staged = *store_->Stage();
    EXPECT_OK(WriteFileAtomically(staged / "rootfs.ext4", "root"));
    if (kernel != nullptr) {
      EXPECT_OK(store_->AddKernel(staged, *kernel));
    }
    return store_->Publish(staged, image);
  }

  std::size_t StagedCount() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(images() / ".staging"), {}));
  }

  TempDir directory_;
  KernelFiles kernel_;
  std::optional<DiskStore> store_;
};

TEST_F(DiskStoreTest, RefusesAConfigThatItCouldNotReadAgain) {
  const Image image{.id = "deb", .config = {.env = {"A=" + std::string(1 << 20, 'x')}}};
  EXPECT_EQ(ErrorReason(Publish(image).status()), "ARCHIVE_REFUSED");
  EXPECT_FALSE(fs::exists(images() / "deb"));
}

TEST_F(DiskStoreTest, RemembersAllOfAnImage) {
  const Image image{
      .id = "deb",
      .kernel = "k",
      .arch = "x86_64",
      .source = "import:x",
      .os = "Debian",
      .size_bytes = 5,
      .create_time = 7,
      .config = {.env = {"A=b"}, .working_dir = "/w", .user = "u", .entrypoint = {"e"}, .cmd = {"c"}},
      .built_in = true,
      .digest = "d"};
  ASSERT_OK(Publish(image));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const Image found, store_->Find("deb"));

  EXPECT_EQ(found.id, "deb");
  EXPECT_EQ(found.kernel, "k");
  EXPECT_EQ(found.os, "Debian");
  EXPECT_EQ(found.create_time, 7);
  EXPECT_THAT(found.config.env, ElementsAre("A=b"));
  EXPECT_THAT(found.config.cmd, ElementsAre("c"));
  EXPECT_EQ(found.config.user, "u");
  EXPECT_TRUE(found.built_in);
  EXPECT_EQ(found.digest, "d");
  EXPECT_GT(found.disk_bytes, 0);
}

TEST_F(DiskStoreTest, KeepsAKernelThatItsOwnerDeletes) {
  ASSERT_OK_AND_ASSIGN(const Image image, Publish({.id = "deb", .kernel = "k"}, &kernel_));
  ASSERT_OK(RemoveTree(directory_.path() / "kernels"));
  ASSERT_OK(store_->AddLease("deb", "vms/1", nullptr));
  ASSERT_OK_AND_ASSIGN(const BootFiles files, store_->FilesOf(image, "vms/1"));

  EXPECT_THAT(ReadFile(files.vmlinux), IsOkAndHolds("vmlinux"));
  EXPECT_THAT(ReadFile(files.initrd), IsOkAndHolds("initrd"));
}

TEST_F(DiskStoreTest, LeasesSurviveARestartAndPinTheirKernel) {
  ASSERT_OK_AND_ASSIGN(const Image image, Publish({.id = "deb"}));
  ASSERT_OK(store_->AddLease("deb", "vms/1", &kernel_));
  ASSERT_OK(RemoveTree(directory_.path() / "kernels"));
  Reopen();

  EXPECT_THAT(store_->LeasesOf("deb"), IsOkAndHolds(ElementsAre("vms/1")));
  EXPECT_TRUE(store_->HasLease("deb", "vms/1"));
  EXPECT_THAT(ReadFile(store_->FilesOf(image, "vms/1")->vmlinux), IsOkAndHolds("vmlinux"));
  ASSERT_OK(store_->RemoveLease("deb", "vms/1"));
  EXPECT_OK(store_->RemoveLease("deb", "vms/1"));
  EXPECT_FALSE(store_->HasLease("deb", "vms/1"));
  EXPECT_EQ(StagedCount(), 0u);
}

TEST_F(DiskStoreTest, RemovesAnImageWhole) {
  ASSERT_OK(Publish({.id = "deb"}, &kernel_));
  ASSERT_OK(store_->Remove("deb"));
  EXPECT_EQ(ErrorReason(store_->Find("deb").status()), "IMAGE_NOT_FOUND");
  EXPECT_FALSE(fs::exists(images() / "deb"));
  EXPECT_EQ(StagedCount(), 0u);
}

TEST_F(DiskStoreTest, SweepsWhatACrashLeftBehind) {
  const fs::path staged = *store_->Stage();
  ASSERT_OK(WriteFileAtomically(staged / "rootfs.ext4", "half"));
  Reopen();
  EXPECT_EQ(StagedCount(), 0u);
}

TEST_F(DiskStoreTest, SweepsACopyThatACrashKeptFromBeingAdopted) {
  ASSERT_OK(Publish({.id = "theirs", .in_place = InPlaceFile{.path = "/theirs.ext4"}}));
  ASSERT_OK(Publish({.id = "ours"}));
  Reopen();
  EXPECT_FALSE(fs::exists(images() / "theirs/rootfs.ext4"));
  EXPECT_OK(store_->Find("theirs"));
  EXPECT_TRUE(fs::exists(images() / "ours/rootfs.ext4"));
}

TEST_F(DiskStoreTest, ABrokenImageHidesNoOther) {
  ASSERT_OK(Publish({.id = "good"}));
  ASSERT_OK(Publish({.id = "broken"}));
  ASSERT_OK(WriteFileAtomically(images() / "broken/manifest.json", "{"));
  ASSERT_OK(MakeDirectories(images() / "no-image"));
  ASSERT_OK_AND_ASSIGN(const std::vector<Image> all, store_->List());

  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].id, "good");
  EXPECT_THAT(store_->Find("broken"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'broken'")));
}

TEST_F(DiskStoreTest, ReplacesAnImageAtOnce) {
  ASSERT_OK(Publish({.id = "mini", .digest = "1"}));
  ASSERT_OK(Publish({.id = "mini", .digest = "2"}));
  EXPECT_EQ(store_->Find("mini")->digest, "2");
  EXPECT_EQ(StagedCount(), 0u);
}

}  // namespace
}  // namespace banger::imaged
