#include "common/os/file_version.h"

#include <sys/stat.h>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(FileVersionTest, ChangesWithTheFileAndOnlyThen) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::filesystem::path file = dir.path() / "file";
  ASSERT_OK(WriteFileAtomically(file, "one", 0600));
  ASSERT_OK_AND_ASSIGN(const std::string first, FileVersion(file));
  EXPECT_THAT(FileVersion(file), IsOkAndHolds(first));
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  ASSERT_OK_AND_ASSIGN(const std::string readable, FileVersion(file));
  EXPECT_NE(readable, first);
  ASSERT_OK(WriteFileAtomically(file, "two", 0640));  // as long, and as open
  ASSERT_OK_AND_ASSIGN(const std::string second, FileVersion(file));
  EXPECT_NE(second, readable);
  std::filesystem::remove(file);
  EXPECT_THAT(FileVersion(file), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace banger
