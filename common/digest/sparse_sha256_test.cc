#include "common/digest/sparse_sha256.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

class SparseSha256Test : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }

  // A file of `size` bytes with `text` at each offset; all else is a hole.
  std::filesystem::path Make(const std::string& name, off_t size, const std::vector<off_t>& offsets,
                             const std::string& text) {
    const std::filesystem::path path = dir_.path() / name;
    const auto fd = OpenFile(path, O_RDWR | O_CREAT);
    EXPECT_OK(fd);
    EXPECT_EQ(::ftruncate(fd->get(), size), 0);
    for (const off_t offset : offsets)
      EXPECT_EQ(::pwrite(fd->get(), text.data(), text.size(), offset), static_cast<ssize_t>(text.size()));
    return path;
  }
  std::string Digest(const std::filesystem::path& path) {
    return SparseSha256OfFile(path).value_or("failed");
  }

  TempDir dir_;
};

TEST_F(SparseSha256Test, WhereTheHolesAreMakesNoDifference) {
  const off_t size = 5 << 20;
  const auto sparse = Make("sparse", size, {8192, 3 << 20}, "data");
  std::string dense(size, '\0');
  dense.replace(8192, 4, "data").replace(3 << 20, 4, "data");
  ASSERT_OK(WriteFileAtomically(dir_.path() / "dense", dense));
  EXPECT_EQ(Digest(sparse), Digest(dir_.path() / "dense"));
}

TEST_F(SparseSha256Test, EachByteItsPlaceAndTheSizeCount) {
  const std::string digest = Digest(Make("file", 100'000, {50'000}, "data"));
  EXPECT_EQ(digest.size(), 64u);
  EXPECT_NE(digest, Digest(Make("other", 100'000, {50'000}, "dasa")));
  EXPECT_NE(digest, Digest(Make("moved", 100'000, {54'096}, "data")));
  EXPECT_NE(digest, Digest(Make("longer", 100'001, {50'000}, "data")));
  EXPECT_NE(digest, Digest(Make("shorter", 99'999, {50'000}, "data")));
}

TEST_F(SparseSha256Test, ItsFormIsKept) {
  // sha256(le64(4096) + "data" + 4092 zeros + le64(8192)): the block at 4096, then the size.
  std::string bytes("\0\x10\0\0\0\0\0\0", 8);
  bytes += "data" + std::string(4092, '\0') + std::string("\0\x20\0\0\0\0\0\0", 8);
  ASSERT_OK(WriteFileAtomically(dir_.path() / "bytes", bytes));
  EXPECT_EQ(Digest(Make("file", 8192, {4096}, "data")), Sha256OfFile(dir_.path() / "bytes").value_or(""));
}

TEST_F(SparseSha256Test, AnEndThatIsNoWholeBlockAndNoFileAtAll) {
  EXPECT_EQ(Digest(Make("empty", 0, {}, "")).size(), 64u);
  EXPECT_NE(Digest(Make("short", 5, {0}, "12345")), Digest(Make("short2", 5, {0}, "12346")));
  EXPECT_THAT(SparseSha256OfFile(dir_.path() / "none"), StatusIs(absl::StatusCode::kNotFound));
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_THAT(SparseSha256OfFile(dir_.path() / "short", stopped.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger
