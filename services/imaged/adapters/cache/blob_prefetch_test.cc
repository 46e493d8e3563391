#include "services/imaged/adapters/cache/blob_prefetch.h"

#include "services/imaged/testing/blob_cache_fixture.h"

namespace banger::imaged {
namespace {

using BlobPrefetchTest = BlobCacheTest;

TEST_F(BlobPrefetchTest, KeepsTheOrderAndFetchesAFewAtOnce) {
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

TEST_F(BlobPrefetchTest, AStopEndsIt) {
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
