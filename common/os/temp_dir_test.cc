#include "common/os/temp_dir.h"

#include "common/os/file.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(TempDirTest, GoesWithItsContent) {
  std::filesystem::path path;
  {
    ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
    path = dir.path();
    ASSERT_OK(WriteFileAtomically(path / "file", "x"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TempDirTest, StaysWhenReleased) {
  ASSERT_OK_AND_ASSIGN(const TempDir parent, TempDir::Create());
  std::filesystem::path path;
  {
    ASSERT_OK_AND_ASSIGN(TempDir dir, TempDir::Create(parent.path()));
    path = dir.Release();
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace banger
