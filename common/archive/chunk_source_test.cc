#include "common/archive/chunk_source.h"

#include <vector>

#include "common/testing/status_matchers.h"

namespace banger {
namespace {

std::string Take(ChunkSource& source, std::size_t size) {
  std::string text(size, '\0');
  const absl::StatusOr<std::size_t> count = source.Read(text);
  EXPECT_OK(count);
  text.resize(count.value_or(0));
  return text;
}

TEST(ChunkSourceTest, ChunksAreOneStreamUpToTheEmptyOne) {
  std::vector<std::string> chunks = {"", "d", "abc"};
  ChunkSource source([&chunks]() -> absl::StatusOr<std::string> {
    std::string last = chunks.back();
    chunks.pop_back();
    return last;
  });
  EXPECT_EQ(Take(source, 2), "ab");
  EXPECT_EQ(Take(source, 2), "c");
  EXPECT_EQ(Take(source, 2), "d");
  EXPECT_EQ(Take(source, 2), "");
  EXPECT_EQ(Take(source, 2), "");
}

TEST(ChunkSourceTest, AnErrorIsTheSources) {
  ChunkSource source([]() -> absl::StatusOr<std::string> { return absl::CancelledError("left"); });
  char byte = 0;
  EXPECT_THAT(source.Read({&byte, 1}), StatusIs(absl::StatusCode::kCancelled, "left"));
}

}  // namespace
}  // namespace banger
