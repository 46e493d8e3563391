// A cache of blobs in a directory of its own, and a registry that does as it is told.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/archive/archive_reader.h"
#include "common/digest/sha256.h"
#include "common/oci/digest.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/cache/blob_cache.h"
#include "services/imaged/testing/scripted_fetcher.h"

namespace banger::imaged {

inline std::string RandomBytes(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

inline Descriptor Describe(const std::string& bytes) {
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
    const std::filesystem::path partial = dir_->path() / "partial" / "sha256" / Sha256Hex(bytes);
    std::error_code error;
    EXPECT_TRUE(Eventually([&] { return std::filesystem::file_size(partial, error) == size; }));
  }

  // Makes it seem not to have been needed for so long.
  void Age(const std::string& bytes, std::chrono::minutes age) {
    std::filesystem::last_write_time(dir_->path() / "blobs" / "sha256" / Sha256Hex(bytes),
                                     std::filesystem::file_time_type::clock::now() - age);
  }

  // The names below a directory of the cache.
  std::vector<std::string> Files(const std::string& kind) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_->path() / kind))
      if (entry.is_regular_file()) names.push_back(entry.path().filename());
    return names;
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  std::unique_ptr<BlobCache> cache_;
  std::shared_ptr<ScriptedFetcher> fetcher_ = std::make_shared<ScriptedFetcher>();
};

}  // namespace banger::imaged
