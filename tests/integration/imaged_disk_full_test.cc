// A disk that fills up at any point of a pull: it is said, nothing half-made stays,
// and with room again the next pull goes on.
#include <fcntl.h>

#include "tests/integration/docker_registry.h"
#include "tests/integration/imaged_fixture.h"
#include "tests/integration/small_disk.h"

namespace banger {
namespace {

class ImagedDiskFullTest : public ImagedFaultsTest {
 protected:
  static void SetUpTestSuite() { own_mounts_ = EnterOwnMounts(); }
  static inline bool own_mounts_ = false;
};

TEST_F(ImagedDiskFullTest, APullOntoADiskThatFillsUpAnywhereLeavesNothingHalfMade) {
  if (!own_mounts_) GTEST_SKIP() << "NOT RUN: mounts need root";
  ASSERT_OK_AND_ASSIGN(const SmallDisk disk, SmallDisk::Create(64 << 20));
  ASSERT_OK_AND_ASSIGN(const auto registry, DockerRegistry::Start({}));
  ASSERT_OK(registry->Push(Sample().layout(), "banger/sample:v1"));
  image::v1::PullImageRequest request;
  request.set_reference(absl::StrCat(registry->host(), "/banger/sample:v1"));
  request.set_name(absl::StrCat("images/", kId));
  request.set_size_bytes(SampleImage::kFileSystemBytes);
  StartIn(disk.root() / "banger");
  const std::vector<std::string> before = daemon_->Files();
  const std::int64_t available = disk.available();
  ASSERT_OK(daemon_->Pull(request));
  const std::int64_t needed = available - disk.available();
  Forget();
  const std::size_t descriptors = daemon_->descriptors();

  int full = 0;
  for (int i = 0; i < 50; ++i) {
    const std::int64_t left = static_cast<std::int64_t>(random_()) % needed;
    SCOPED_TRACE(left);
    ASSERT_OK(disk.Fill(left));
    const absl::Status pulled = daemon_->Pull(request).status();
    EXPECT_TRUE(pulled.ok() || ErrorReason(pulled) == "DISK_FULL") << pulled;
    ExpectNothingHalfMade();
    EXPECT_EQ(IsThere(), pulled.ok());
    full += pulled.ok() ? 0 : 1;
    CheckedCacheBytes();
    disk.Clear();
    ASSERT_OK(daemon_->Pull(request));
    EXPECT_TRUE(IsThere());
    Forget();
  }
  EXPECT_GT(full, 0);
  RecordProperty("full", full);
  EXPECT_EQ(daemon_->Files(), before);
  EXPECT_EQ(daemon_->children(), 0u);
  EXPECT_TRUE(Eventually([&] { return daemon_->descriptors() <= descriptors; }));
  ASSERT_OK(daemon_->Kill());
}

TEST_F(ImagedDiskFullTest, ADiskWithoutAnInodeLeftIsFull) {
  if (!own_mounts_) GTEST_SKIP() << "NOT RUN: mounts need root";
  ASSERT_OK_AND_ASSIGN(const SmallDisk disk, SmallDisk::Create(64 << 20, /*inodes=*/256));
  StartIn(disk.root() / "banger");
  const auto import = [this] {
    return daemon_->ImportBytes(kId, ImagedDaemon::Import::FORMAT_OCI_LAYOUT, Sample().layout()).status();
  };
  const std::filesystem::path hoard = disk.root() / "hoard";
  for (int left = 0; left < 8; ++left) {
    SCOPED_TRACE(left);
    ASSERT_OK(MakeDirectories(hoard));
    int count = 0;
    while (OpenFile(hoard / absl::StrCat(count), O_WRONLY | O_CREAT).ok()) ++count;
    for (int i = 0; i < left; ++i) std::filesystem::remove(hoard / absl::StrCat(i));
    EXPECT_EQ(ErrorReason(import()), "DISK_FULL");
    ExpectNothingHalfMade();
    ASSERT_OK(RemoveTree(hoard));
  }
  EXPECT_OK(import());
  EXPECT_TRUE(IsThere());
  ASSERT_OK(daemon_->Kill());
}

}  // namespace
}  // namespace banger
