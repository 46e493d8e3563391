#include "common/archive/zstd_ahead.h"

#include <gtest/gtest.h>

#include "common/archive/archive_reader.h"
#include "common/archive/compress_for_tests.h"
#include "common/archive/read_ahead.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

MakePacked Serve(const std::string& bytes) {
  return [&bytes](const std::stop_token&) { return std::make_shared<MemorySource>(bytes); };
}

// Gives the start of a frame, and then nothing until it is stopped.
class Stalling final : public ByteSource {
 public:
  Stalling(absl::string_view start, std::stop_token stop) : start_(start), stop_(std::move(stop)) {}
  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    const absl::StatusOr<std::size_t> count = start_.Read(buffer);
    if (*count > 0) return count;
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait(lock, stop_, [] { return false; });
    return absl::CancelledError("stopped");
  }

 private:
  MemorySource start_;
  const std::stop_token stop_;
};

TEST(ZstdAheadTest, GivesAllBytesInOrder) {
  std::string bytes(5'000'001, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 / 3);
  const std::string packed = CompressForTests(bytes, "zstd");
  EXPECT_TRUE(*ReadAll(*UnpackZstdAhead(Serve(packed), {}), 1 << 30) == bytes);
}

TEST(ZstdAheadTest, DamageIsNoticed) {
  const std::string packed = CompressForTests("a text", "zstd");
  for (const std::string& bytes : {packed + "x", packed.substr(0, packed.size() - 1), std::string()})
    EXPECT_THAT(ReadAll(*UnpackZstdAhead(Serve(bytes), {}), 100), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ZstdAheadTest, AReaderThatLeavesEndsASourceThatStalls) {
  const std::string packed = CompressForTests(std::string(1 << 20, 'x'), "zstd");
  const auto source = UnpackZstdAhead(
      [&packed](const std::stop_token& leave) {
        // As a download does it: on one more thread.
        return std::make_shared<ReadAhead>(
            [&packed](const std::stop_token& left) {
              return std::make_unique<Stalling>(absl::string_view(packed).substr(0, 20), left);
            },
            leave);
      },
      {});
}

TEST(ZstdAheadTest, StoppingEndsARead) {
  std::stop_source stop;
  const auto source = UnpackZstdAhead(
      [&stop](const std::stop_token& leave) {
        stop.request_stop();
        return std::make_shared<Stalling>("", leave);
      },
      stop.get_token());
  EXPECT_THAT(ReadAll(*source, 1), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger
