#include "services/kerneld/adapters/vmlinux_scan.h"

#include <gtest/gtest.h>

#include "common/digest/sha256.h"
#include "common/testing/status_matchers.h"

namespace banger::kerneld {
namespace {

// Gives at most so many bytes at once.
class Trickle final : public ByteSource {
 public:
  Trickle(absl::string_view bytes, std::size_t piece) : bytes_(bytes), piece_(piece) {}
  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    return bytes_.Read(buffer.subspan(0, std::min(buffer.size(), piece_)));
  }

 private:
  MemorySource bytes_;
  const std::size_t piece_;
};

TEST(VmlinuxScanTest, FindsTheSameHoweverTheBytesAreCut) {
  const std::string bytes = std::string(700, 'x') + "Linux version %s" + std::string(300, '\0') +
                            "Linux version 6.1.0-37-cloud-amd64 (debian)" + std::string(300, '\0') +
                            "Linux version 9.9" + std::string(999, 'y') + "virtio_blk" +
                            std::string(300, 'z');
  for (std::size_t piece = 1; piece < bytes.size(); piece = piece * 5 / 4 + 1) {
    Trickle source(bytes, piece);
    ASSERT_OK_AND_ASSIGN(const VmlinuxText found, ScanVmlinux(source));
    EXPECT_EQ(found.kernel_version, "6.1.0-37-cloud-amd64") << piece;
    EXPECT_TRUE(found.has_virtio_blk) << piece;
    EXPECT_EQ(found.sha256, Sha256Hex(bytes)) << piece;
  }
}

TEST(VmlinuxScanTest, FindsABannerAcrossTheOwnPieces) {
  for (std::size_t before = (256 << 10) - 60; before < (256 << 10) + 10; ++before) {
    const std::string bytes = std::string(before, '\0') + "Linux version 6.12.9 (x) virtio_blk";
    MemorySource source(bytes);
    ASSERT_OK_AND_ASSIGN(const VmlinuxText found, ScanVmlinux(source));
    EXPECT_EQ(found.kernel_version, "6.12.9") << before;
    EXPECT_TRUE(found.has_virtio_blk) << before;
  }
}

TEST(VmlinuxScanTest, TheEndMayCutTheBanner) {
  for (const auto& [bytes, version] : {std::pair("Linux version 6.1", "6.1"), std::pair("Linux version ", ""),
                                       std::pair("Linux versio", ""), std::pair("", "")}) {
    MemorySource source(bytes);
    EXPECT_EQ(ScanVmlinux(source)->kernel_version, version) << bytes;
  }
}

}  // namespace
}  // namespace banger::kerneld
