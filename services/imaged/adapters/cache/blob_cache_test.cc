#include "services/imaged/adapters/cache/blob_cache.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "common/archive/archive_reader.h"
#include "common/digest/sha256.h"
#include "common/oci/digest.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/cache/blob_prefetch.h"
#include "services/imaged/testing/scripted_fetcher.h"

namespace banger::imaged {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string RandomBytes(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

Descriptor Describe(const std::string& bytes) {
  return {.digest = "sha256:" + Sha256Hex(bytes), .size = static_cast<std::int64_t>(bytes.size())};
}

class BlobCacheTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(std::int64_t{1} << 30); }

  void Open(std::int64_t max_bytes) {
    cache_.reset();
    ASSERT_OK_AND_ASSIGN(cache_, BlobCache::Open(dir_->path(), max_bytes));
  }

  absl::StatusOr<CachedBlob> Claim(const Descriptor& blob) { return cache_->Claim(blob, fetcher_, {}); }

  // Reads all of it through the cache and gives the claim back.
  absl::StatusOr<std::string> Load(const Descriptor& blob) {
    absl::StatusOr<CachedBlob> claim = Claim(blob);
    if (!claim.ok()) return claim.status();
    const std::unique_ptr<ByteSource> source = claim->Read({});
    absl::StatusOr<std::string> bytes = ReadAll(*source, 64 << 20);
    if (bytes.ok()) {
      EXPECT_OK(claim->AwaitPublished({}));
    }
    return bytes;
  }
  absl::StatusOr<std::string> Load(const std::string& bytes) {
    const Descriptor blob = Describe(bytes);
    fetcher_->Serve(blob.digest, bytes);
    return Load(blob);
  }

  // Downloads so many bytes of it, then leaves.
  void LeavePartial(const std::string& bytes, std::size_t size) {
    const Descriptor blob = Describe(bytes);
    fetcher_->Serve(blob.digest, bytes);
    fetcher_->Allow(size);
    const absl::StatusOr<CachedBlob> claim = Claim(blob);
    ASSERT_OK(claim);
    const fs::path partial = dir_->path() / "partial" / "sha256" / Sha256Hex(bytes);
    std::error_code error;
    EXPECT_TRUE(Eventually([&] { return fs::file_size(partial, error) == size; }));
  }

  // Makes it seem not to have been needed for so long.
  void Age(const std::string& bytes, std::chrono::minutes age) {
    fs::last_write_time(dir_->path() / "blobs" / "sha256" / Sha256Hex(bytes),
                        fs::file_time_type::clock::now() - age);
  }

  // The names below a directory of the cache.
  std::vector<std::string> Files(const std::string& kind) {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(dir_->path() / kind))
      if (entry.is_regular_file()) names.push_back(entry.path().filename());
    return names;
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  std::unique_ptr<BlobCache> cache_;
  std::shared_ptr<ScriptedFetcher> fetcher_ = std::make_shared<ScriptedFetcher>();
};

TEST_F(BlobCacheTest, FetchesABlobOnceAndKeepsIt) {
  const std::string bytes = RandomBytes(300000);
  EXPECT_TRUE(*Load(bytes) == bytes);
  Open(std::int64_t{1} << 30);
  EXPECT_TRUE(*Load(bytes) == bytes);

  EXPECT_THAT(fetcher_->offsets(), ElementsAre(0));
  EXPECT_THAT(Files("blobs"), ElementsAre(Sha256Hex(bytes)));
  EXPECT_THAT(Files("partial"), ElementsAre());
}

TEST_F(BlobCacheTest, TakesEmptyBlobsAndSha512) {
  EXPECT_THAT(Load(""), IsOkAndHolds(""));
  const std::string empty512 =
      "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
      "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
  fetcher_->Serve(empty512, "");
  EXPECT_THAT(Load(Descriptor{.digest = empty512}), IsOkAndHolds(""));
  EXPECT_TRUE(fs::exists(dir_->path() / "blobs" / "sha512" / oci::DigestHex(empty512)));
}

TEST_F(BlobCacheTest, ReadersSeeBytesBeforeAllHaveArrived) {
  const std::string bytes = RandomBytes(300000);
  const Descriptor blob = Describe(bytes);
  fetcher_->Serve(blob.digest, bytes);
  fetcher_->Allow(200000);
  ASSERT_OK_AND_ASSIGN(const CachedBlob claim, Claim(blob));
  const std::unique_ptr<ByteSource> source = claim.Read({});
  std::vector<char> begin(100000);
  std::size_t size = 0;
  while (size < begin.size()) size += *source->Read(std::span(begin).subspan(size));
  EXPECT_TRUE(std::string(begin.data(), size) == bytes.substr(0, size));
  EXPECT_THAT(Files("blobs"), ElementsAre());

  fetcher_->Allow(bytes.size());
  EXPECT_TRUE(*ReadAll(*source, 64 << 20) == bytes.substr(size));
}

TEST_F(BlobCacheTest, AReaderNeverSeesTheEndOfAWrongBlob) {
  const std::string bytes = RandomBytes(300000);
  std::string changed = bytes;
  changed.back() ^= 1;
  const Descriptor blob = Describe(bytes);
  for (const auto& [served, reason, text] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {changed, "DIGEST_MISMATCH", blob.digest},
           {bytes + "x", "IMAGE_CORRUPT", "more than the 300000 bytes"},
           {bytes.substr(0, 299999), "IMAGE_CORRUPT", "ends after 299999"}}) {
    fetcher_->Serve(blob.digest, served);
    const absl::Status status = Load(blob).status();
    EXPECT_EQ(ErrorReason(status), reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_THAT(Files(""), ElementsAre()) << "something was left behind";
  }
}

TEST_F(BlobCacheTest, RefusesImpossibleDescriptors) {
  EXPECT_EQ(ErrorReason(Load(Descriptor{.digest = "sha256:../../../etc/passwd"}).status()), "IMAGE_CORRUPT");
  EXPECT_EQ(ErrorReason(Load(Descriptor{.digest = Describe("").digest, .size = -1}).status()),
            "IMAGE_CORRUPT");
  const std::string bytes = RandomBytes(1000);
  ASSERT_OK(Load(bytes));
  Descriptor other = Describe(bytes);
  other.size = 999;
  EXPECT_THAT(Load(other), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("has 1000 bytes")));
}

TEST_F(BlobCacheTest, WhoComesSecondReadsTheSameTransfer) {
  const std::string bytes = RandomBytes(300000);
  const Descriptor blob = Describe(bytes);
  fetcher_->Serve(blob.digest, bytes);
  fetcher_->Allow(100000);
  ASSERT_OK_AND_ASSIGN(const CachedBlob first, Claim(blob));
  ASSERT_OK(first.Await(0, {}).status());
  ASSERT_OK_AND_ASSIGN(const CachedBlob second, Claim(blob));
  const std::unique_ptr<ByteSource> source = second.Read({});
  fetcher_->Allow(bytes.size());

  EXPECT_TRUE(*ReadAll(*source, 64 << 20) == bytes);
  EXPECT_THAT(fetcher_->offsets(), ElementsAre(0));
}

TEST_F(BlobCacheTest, ACancelledPullLeavesTheOthersTransferAlone) {
  const std::string bytes = RandomBytes(300000);
  const Descriptor blob = Describe(bytes);
  fetcher_->Serve(blob.digest, bytes);
  fetcher_->Allow(100000);
  std::stop_source stop;
  auto first = std::make_unique<absl::StatusOr<CachedBlob>>(cache_->Claim(blob, fetcher_, stop.get_token()));
  ASSERT_OK(*first);
  const std::unique_ptr<ByteSource> cancelled = (**first).Read(stop.get_token());
  ASSERT_OK_AND_ASSIGN(const CachedBlob second, Claim(blob));
  stop.request_stop();
  EXPECT_THAT(ReadAll(*cancelled, 64 << 20), StatusIs(absl::StatusCode::kCancelled));
  first.reset();
  fetcher_->Allow(bytes.size());

  EXPECT_TRUE(*ReadAll(*second.Read({}), 64 << 20) == bytes);
  EXPECT_THAT(fetcher_->offsets(), ElementsAre(0));
}

TEST_F(BlobCacheTest, TheLastOneToLeaveStopsTheTransferAndTheNextResumesIt) {
  const std::string bytes = RandomBytes(300000);
  LeavePartial(bytes, 100000);
  Open(std::int64_t{1} << 30);  // waits until it has stopped
  EXPECT_THAT(Files("blobs"), ElementsAre());
  ASSERT_THAT(Files("partial"), ElementsAre(Sha256Hex(bytes)));
  fetcher_->Allow(bytes.size());

  EXPECT_TRUE(*Load(bytes) == bytes);
  EXPECT_THAT(fetcher_->offsets(), ElementsAre(0, 100000));
  EXPECT_THAT(Files("partial"), ElementsAre());
}

TEST_F(BlobCacheTest, WhoComesWhileATransferIsBeingStoppedStartsAnew) {
  const std::string bytes = RandomBytes(300000);
  LeavePartial(bytes, 100000);
  fetcher_->Allow(bytes.size());
  EXPECT_TRUE(*Load(bytes) == bytes);
}

TEST_F(BlobCacheTest, WhatABrokenTransferLeftIsChecked) {
  const std::string bytes = RandomBytes(300000);
  const fs::path partial = dir_->path() / "partial" / "sha256" / Sha256Hex(bytes);
  ASSERT_OK(WriteFileAtomically(partial, std::string(1000, 'x')));
  EXPECT_EQ(ErrorReason(Load(bytes).status()), "DIGEST_MISMATCH");
  EXPECT_TRUE(*Load(bytes) == bytes) << "the next one starts from nothing";

  const std::string other = RandomBytes(1000, 2);
  const fs::path longer = dir_->path() / "partial" / "sha256" / Sha256Hex(other);
  ASSERT_OK(WriteFileAtomically(longer, std::string(2000, 'x')));
  EXPECT_TRUE(*Load(other) == other);
}

TEST_F(BlobCacheTest, ABrokenTransferIsTakenUpWithTheRightsOfWhoElseWantsIt) {
  const std::string bytes = RandomBytes(300000);
  const Descriptor blob = Describe(bytes);
  const auto denied = std::make_shared<ScriptedFetcher>();
  denied->Serve(blob.digest, bytes);
  denied->FailAt(100000, absl::PermissionDeniedError("who are you?"));
  denied->Allow(50000);
  fetcher_->Serve(blob.digest, bytes);
  ASSERT_OK_AND_ASSIGN(const CachedBlob first, cache_->Claim(blob, denied, {}));
  ASSERT_OK_AND_ASSIGN(const CachedBlob second, Claim(blob));
  denied->Allow(bytes.size());

  EXPECT_TRUE(*ReadAll(*second.Read({}), 64 << 20) == bytes);
  EXPECT_THAT(fetcher_->offsets(), ElementsAre(100000));
}

TEST_F(BlobCacheTest, AFailureIsEverybodysButNotThatOfWhoComesLater) {
  const std::string bytes = RandomBytes(300000);
  const Descriptor blob = Describe(bytes);
  const auto broken = std::make_shared<ScriptedFetcher>();
  broken->Serve(blob.digest, bytes);
  broken->FailAt(100000, absl::UnavailableError("the line is cut"));
  ASSERT_OK_AND_ASSIGN(const CachedBlob first, cache_->Claim(blob, broken, {}));
  EXPECT_THAT(ReadAll(*first.Read({}), 64 << 20),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the line is cut")));
  EXPECT_THAT(first.AwaitPublished({}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(*Load(bytes) == bytes) << "while the first still has its claim";
}

// Lesson 35: closing a stream must not make half a blob a whole one.
TEST_F(BlobCacheTest, AReaderThatIsClosedEarlyPublishesNothing) {
  const std::string bytes = RandomBytes(300000);
  LeavePartial(bytes, 100000);
  Open(std::int64_t{1} << 30);
  EXPECT_THAT(Files("blobs"), ElementsAre());
}

TEST_F(BlobCacheTest, PruneSparesWhatIsClaimed) {
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

TEST_F(BlobCacheTest, WhatWasNotNeededForTheLongestTimeGoesFirst) {
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

TEST_F(BlobCacheTest, ClaimedBlobsMayExceedTheLimitUntilTheyAreGivenBack) {
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

TEST_F(BlobCacheTest, AFullDiskTakesOldBlobsFirstAndPublishesNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "NOT RUN: a mount needs root";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(FetchOntoAFullDisk(dir_->path()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "NOT RUN: no mounts here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(BlobCacheTest, ADamagedBlobIsDroppedAndFetchedAnewAlsoWhileSomebodyClaimsIt) {
  const std::string bytes = RandomBytes(1000);
  const Descriptor blob = Describe(bytes);
  ASSERT_OK(Load(bytes));
  EXPECT_FALSE(cache_->DropIfDamaged(blob.digest, {}));
  ASSERT_OK_AND_ASSIGN(const CachedBlob claim, Claim(blob));
  ASSERT_OK(
      WriteFileAtomically(dir_->path() / "blobs" / "sha256" / Sha256Hex(bytes), std::string(1000, 'x')));
  EXPECT_TRUE(cache_->DropIfDamaged(blob.digest, {}));
  EXPECT_FALSE(cache_->DropIfDamaged(blob.digest, {}));
  EXPECT_TRUE(*Load(bytes) == bytes);
  EXPECT_THAT(fetcher_->offsets(), ElementsAre(0, 0));
}

TEST_F(BlobCacheTest, PrefetchKeepsTheOrderAndFetchesAFewAtOnce) {
  std::vector<std::string> contents;
  std::vector<Descriptor> blobs;
  for (unsigned i = 0; i < 20; ++i) {
    contents.push_back(RandomBytes(100000, i % 15));  // some twice
    blobs.push_back(Describe(contents.back()));
    fetcher_->Serve(blobs.back().digest, contents.back());
  }
  std::int64_t last = 0;
  BlobPrefetch prefetch(*cache_, fetcher_, blobs,
                        [&last](std::int64_t bytes) {
                          EXPECT_GT(bytes, last);
                          last = bytes;
                        },
                        {});
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const auto source, prefetch.Open(i, {}));
    EXPECT_TRUE(*ReadAll(*source, 64 << 20) == contents[i]) << i;
  }
  EXPECT_OK(prefetch.AwaitAll());
  EXPECT_LE(fetcher_->most_at_once(), 4);
  EXPECT_EQ(fetcher_->offsets().size(), 15u);
}

TEST_F(BlobCacheTest, AStopEndsAPrefetch) {
  std::vector<Descriptor> blobs;
  for (unsigned i = 0; i < 20; ++i) {
    const std::string bytes = RandomBytes(100000, i);
    blobs.push_back(Describe(bytes));
    fetcher_->Serve(blobs.back().digest, bytes);
  }
  fetcher_->Allow(70000);
  std::stop_source stop;
  BlobPrefetch prefetch(*cache_, fetcher_, blobs, nullptr, stop.get_token());
  ASSERT_OK_AND_ASSIGN(const auto source, prefetch.Open(0, stop.get_token()));
  std::vector<char> begin(1000);
  ASSERT_OK(source->Read(begin));
  stop.request_stop();
  EXPECT_THAT(ReadAll(*source, 64 << 20), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(prefetch.Open(19, stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(prefetch.AwaitAll(), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger::imaged
