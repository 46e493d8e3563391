#include "services/imaged/adapters/cache/blob_cache.h"

#include <thread>

#include "common/os/file.h"
#include "common/status/error.h"
#include "services/imaged/testing/blob_cache_fixture.h"

namespace banger::imaged {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace banger::imaged
