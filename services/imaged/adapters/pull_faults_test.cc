// The whole way from a registry's blobs to an ext4 file, killed, cut off and out of
// disk at random points: nothing half-made is ever taken for whole, nothing is left
// behind but what the next pull takes up, and that one succeeds.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/archive/compress_for_tests.h"
#include "common/archive/tar_builder.h"
#include "common/digest/sha256.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/cache/blob_prefetch.h"
#include "services/imaged/adapters/oci_image_builder.h"
#include "services/imaged/testing/scripted_fetcher.h"

namespace banger::imaged {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int kLayers = 6;

std::string RandomBytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

class PullFaultsTest : public ::testing::Test {
 protected:
  PullFaultsTest() {
    for (int i = 0; i < kLayers; ++i) {
      TarBuilder tar;
      tar.File(absl::StrCat("layer", i), RandomBytes(300000, static_cast<unsigned>(i)));
      tar.File("replaced", absl::StrCat("by ", i));
      const std::string packed = CompressForTests(tar.Build(), i % 2 == 0 ? "gzip" : "zstd");
      Descriptor blob{.digest = "sha256:" + Sha256Hex(packed),
                      .size = static_cast<std::int64_t>(packed.size())};
      fetcher_->Serve(blob.digest, packed);
      blobs_.push_back(blob);
      bytes_ += packed.size();
      image_.layers.push_back({blob, "sha256:" + Sha256Hex(tar.Build())});
    }
  }

  absl::Status Pull(const fs::path& directory) {
    BANGER_RETURN_IF_ERROR(MakeDirectories(directory));
    absl::StatusOr<std::unique_ptr<BlobCache>> cache =
        BlobCache::Open(directory / "cache", std::int64_t{1} << 30);
    BANGER_RETURN_IF_ERROR(cache.status());
    BlobPrefetch prefetch(**cache, fetcher_, blobs_, nullptr, {});
    const auto open = [&](std::size_t index, const std::stop_token& stop) {
      return prefetch.Open(index, stop);
    };
    return OciImageBuilder(image_, open).Build(directory / "rootfs.ext4", 64 << 20, {}).status();
  }

  // What is in the cache as whole is whole.
  void ExpectOnlyWholeBlobs(const fs::path& directory) {
    for (const auto& entry : fs::directory_iterator(directory / "cache" / "blobs" / "sha256"))
      EXPECT_THAT(Sha256OfFile(entry.path()), IsOkAndHolds(entry.path().filename().string()));
  }

  void ExpectTheImage(const fs::path& directory) {
    EXPECT_OK(CheckExt4(directory / "rootfs.ext4"));
    ASSERT_OK_AND_ASSIGN(const Ext4Inspector tree, Ext4Inspector::Open(directory / "rootfs.ext4"));
    EXPECT_THAT(tree.ReadFile("/replaced"), IsOkAndHolds(absl::StrCat("by ", kLayers - 1)));
    for (int i = 0; i < kLayers; ++i)
      EXPECT_TRUE(*tree.ReadFile(absl::StrCat("/layer", i)) == RandomBytes(300000, static_cast<unsigned>(i)));
    EXPECT_TRUE(fs::is_empty(directory / "cache" / "partial" / "sha256"));
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  std::shared_ptr<ScriptedFetcher> fetcher_ = std::make_shared<ScriptedFetcher>();
  std::vector<Descriptor> blobs_;
  std::size_t bytes_ = 0;
  OciImage image_;
};

TEST_F(PullFaultsTest, AKillAtAnyMomentLeavesWhatTheNextPullTakesUp) {
  std::mt19937 random(1);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_OK(Pull(dir_->path() / "undisturbed"));
  const auto micros = (std::chrono::steady_clock::now() - begin) / 1us;
  int killed = 0;
  for (int i = 0; i < 50; ++i) {
    const fs::path directory = dir_->path() / absl::StrCat("kill", i / 10);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(Pull(directory).ok() ? 0 : 1);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % static_cast<unsigned>(micros + 1)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    killed += WIFSIGNALED(status) ? 1 : 0;
    std::error_code error;
    if (fs::exists(directory / "cache" / "blobs" / "sha256", error)) ExpectOnlyWholeBlobs(directory);
    // imaged sweeps its staging when it starts.
    fs::remove(directory / "rootfs.ext4", error);
    if (i % 10 != 9) continue;
    ASSERT_OK(Pull(directory));
    ExpectTheImage(directory);
  }
  EXPECT_GT(killed, 0);
}

TEST_F(PullFaultsTest, ACutAtAnyByteEndsThePullAndTheNextGoesOnFromThere) {
  std::mt19937 random(2);
  for (int i = 0; i < 50; ++i) {
    const fs::path directory = dir_->path() / absl::StrCat("cut", i);
    fetcher_->FailAt(random() % 300000, absl::UnavailableError("the line is cut"));
    EXPECT_THAT(Pull(directory), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_FALSE(fs::exists(directory / "rootfs.ext4"));
    ExpectOnlyWholeBlobs(directory);
    const std::size_t before = fetcher_->offsets().size();
    fetcher_->FailAt(std::string::npos, absl::OkStatus());
    ASSERT_OK(Pull(directory));
    if (i % 10 == 0) ExpectTheImage(directory);
    const std::vector<std::int64_t> offsets = fetcher_->offsets();
    EXPECT_TRUE(std::any_of(offsets.begin() + static_cast<std::ptrdiff_t>(before), offsets.end(),
                            [](std::int64_t offset) { return offset > 0; }))
        << "nothing was resumed";
  }
}

// In a child with a small disk of its own: a tmpfs in its own mount namespace.
TEST_F(PullFaultsTest, AFullDiskAtAnyPointIsSaidAndLeavesNoImage) {
  if (::geteuid() != 0) GTEST_SKIP() << "NOT RUN: a mount needs root";
  const fs::path mount_point = dir_->path();
  const auto pull_on = [&](std::size_t disk_bytes) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", mount_point.c_str(), "tmpfs", 0, absl::StrCat("size=", disk_bytes).c_str()) != 0)
      return 77;
    const absl::Status status = Pull(mount_point);
    if (status.ok()) return 1;
    if (ErrorReason(status) != "DISK_FULL") return 2;
    if (fs::exists(mount_point / "rootfs.ext4")) return 3;
    if (::mount("none", mount_point.c_str(), "tmpfs", MS_REMOUNT, "size=64m") != 0) return 77;
    return Pull(mount_point).ok() ? 0 : 4;
  };
  std::mt19937 random(3);
  for (int i = 0; i < 50; ++i) {
    const std::size_t disk_bytes = 64 << 10 | (random() % bytes_);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(pull_on(disk_bytes));
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "NOT RUN: no mounts here";
    EXPECT_EQ(WEXITSTATUS(status), 0) << disk_bytes;
  }
}

}  // namespace
}  // namespace banger::imaged
