#include "common/archive/read_ahead.h"

#include <gtest/gtest.h>

#include <atomic>

#include "common/archive/archive_reader.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

// Gives bytes without end, or waits for the stop after some.
class Endless final : public ByteSource {
 public:
  Endless(std::stop_token stop, std::size_t wait_after) : stop_(std::move(stop)), left_(wait_after) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    if (left_ == 0) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any().wait(lock, stop_, [] { return false; });
      return absl::CancelledError("stopped");
    }
    const std::size_t count = std::min(left_, buffer.size());
    std::fill_n(buffer.data(), count, 'x');
    left_ -= count;
    return count;
  }

 private:
  const std::stop_token stop_;
  std::size_t left_;
};

ReadAhead::MakeSource Serve(const std::string& bytes) {
  return [&bytes](const std::stop_token&) { return std::make_unique<MemorySource>(bytes); };
}

TEST(ReadAheadTest, GivesAllBytesInOrder) {
  std::string bytes(5'000'001, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 / 3);
  ReadAhead source(Serve(bytes), {});
  EXPECT_TRUE(*ReadAll(source, 1 << 30) == bytes);
  const std::string nothing;
  ReadAhead empty(Serve(nothing), {});
  EXPECT_THAT(ReadAll(empty, 1), IsOkAndHolds(""));
}

TEST(ReadAheadTest, PassesErrorsOnBehindTheBytes) {
  ReadAhead broken([](const std::stop_token&) { return absl::NotFoundError("none"); }, {});
  EXPECT_THAT(ReadAll(broken, 1), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ReadAheadTest, AReaderThatLeavesEndsTheSource) {
  for (const std::size_t wait_after : {std::size_t{0}, std::size_t{10}, SIZE_MAX}) {
    const ReadAhead source(
        [wait_after](const std::stop_token& stop) { return std::make_unique<Endless>(stop, wait_after); },
        {});
  }
}

TEST(ReadAheadTest, StoppingEndsARead) {
  std::stop_source stop;
  ReadAhead source(
      [&stop](const std::stop_token& inner) {
        stop.request_stop();
        return std::make_unique<Endless>(inner, 0);
      },
      stop.get_token());
  EXPECT_THAT(ReadAll(source, 1), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger
