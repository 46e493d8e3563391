// What makes room for new blobs: prunes, the limit, a full disk.
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/status/error.h"
#include "services/imaged/testing/blob_cache_fixture.h"

namespace banger::imaged {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;

using BlobRoomTest = BlobCacheTest;

TEST_F(BlobRoomTest, PruneSparesWhatIsClaimed) {
  const std::string needed = RandomBytes(1000, 1);
  ASSERT_OK(Load(needed));
  ASSERT_OK(Load(RandomBytes(2000, 2)));
  LeavePartial(RandomBytes(300000, 3), 100000);
  Open(std::int64_t{1} << 30);
  ASSERT_OK_AND_ASSIGN(const CachedBlob claim, Claim(Describe(needed)));
  for (const bool dry_run : {true, false}) {
    ASSERT_OK_AND_ASSIGN(const BlobCache::Pruned pruned, cache_->Prune(dry_run));
    EXPECT_EQ(pruned.removed.bytes, 102000);
    EXPECT_EQ(pruned.removed.blobs, 2);
    EXPECT_EQ(pruned.kept.bytes, 1000);
    EXPECT_EQ(Files("").size(), dry_run ? 3u : 1u);
  }
  EXPECT_TRUE(*ReadAll(*claim.Read({}), 64 << 20) == needed);
}

TEST_F(BlobRoomTest, WhatWasNotNeededForTheLongestTimeGoesFirst) {
  const std::string a = RandomBytes(1000, 1), b = RandomBytes(1000, 2), c = RandomBytes(1000, 3);
  for (const std::string& bytes : {a, b, c}) ASSERT_OK(Load(bytes));
  Age(a, 3min);
  Age(b, 2min);
  Age(c, 1min);
  ASSERT_OK(Load(a));
  Open(2500);
  EXPECT_THAT(Files("blobs"), ::testing::UnorderedElementsAre(Sha256Hex(a), Sha256Hex(c)));
  Open(1500);
  EXPECT_THAT(Files("blobs"), ElementsAre(Sha256Hex(a)));
}

TEST_F(BlobRoomTest, ClaimedBlobsMayExceedTheLimitUntilTheyAreGivenBack) {
  Open(0);
  const std::string a = RandomBytes(1000, 1), b = RandomBytes(1000, 2);
  fetcher_->Serve(Describe(a).digest, a);
  fetcher_->Serve(Describe(b).digest, b);
  {
    ASSERT_OK_AND_ASSIGN(const CachedBlob first, Claim(Describe(a)));
    ASSERT_OK_AND_ASSIGN(const CachedBlob second, Claim(Describe(b)));
    ASSERT_OK(first.AwaitPublished({}));
    ASSERT_OK(second.AwaitPublished({}));
    EXPECT_EQ(Files("blobs").size(), 2u);
  }
  Open(std::int64_t{1} << 30);
  EXPECT_THAT(Files(""), ElementsAre());
}

// Runs in a child on a full disk: a tmpfs of 1 MiB in its own mount namespace.
int FetchOntoAFullDisk(const fs::path& mount_point) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", mount_point.c_str(), "tmpfs", 0, "size=1m") != 0)
    return 77;
  const auto fetcher = std::make_shared<ScriptedFetcher>();
  const auto load = [&](BlobCache& cache, const std::string& bytes) {
    fetcher->Serve(Describe(bytes).digest, bytes);
    const absl::StatusOr<CachedBlob> claim = cache.Claim(Describe(bytes), fetcher, {});
    if (!claim.ok()) return claim.status();
    if (const absl::Status read = ReadAll(*claim->Read({}), 64 << 20).status(); !read.ok()) return read;
    return claim->AwaitPublished({});
  };
  const std::string small = RandomBytes(600000, 1), other = RandomBytes(800000, 2),
                    large = RandomBytes(2000000, 3);
  {
    const auto cache = *BlobCache::Open(mount_point, std::int64_t{1} << 30);
    if (!load(*cache, small).ok()) return 1;
    if (!load(*cache, other).ok()) return 2;  // in the place of the first
    if (ErrorReason(load(*cache, large)) != "DISK_FULL") return 3;
    if (fs::exists(mount_point / "blobs" / "sha256" / Sha256Hex(large))) return 4;
  }
  const auto cache = *BlobCache::Open(mount_point, std::int64_t{1} << 30);
  const absl::StatusOr<BlobCache::Pruned> pruned = cache->Prune(false);
  if (!pruned.ok() || pruned->kept.blobs != 0) return 5;
  return load(*cache, other).ok() ? 0 : 6;
}

TEST_F(BlobRoomTest, AFullDiskTakesOldBlobsFirstAndPublishesNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "NOT RUN: a mount needs root";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(FetchOntoAFullDisk(dir_->path()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "NOT RUN: no mounts here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace banger::imaged
