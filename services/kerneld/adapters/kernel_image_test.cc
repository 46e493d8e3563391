#include "services/kerneld/adapters/kernel_image.h"

#include <gtest/gtest.h>

#include "common/archive/compress_for_tests.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "services/kerneld/adapters/elf_file.h"
#include "services/kerneld/testing/kernel_files.h"

namespace banger::kerneld {
namespace {

using ::testing::HasSubstr;

class KernelImageTest : public ::testing::Test {
 protected:
  absl::StatusOr<VmlinuxFacts> Extract(const std::string& image, const std::string& arch = "x86_64") {
    std::filesystem::remove(vmlinux_);
    const absl::Status written = WriteFileAtomically(dir_->path() / "image", image);
    return written.ok() ? ExtractVmlinux(dir_->path() / "image", vmlinux_, arch) : written;
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const std::filesystem::path vmlinux_ = dir_->path() / "vmlinux";
};

TEST_F(KernelImageTest, AnElfStaysAsItIs) {
  ASSERT_OK_AND_ASSIGN(const VmlinuxFacts facts, Extract(MakeVmlinux()));
  EXPECT_EQ(facts.arch, "x86_64");
  EXPECT_EQ(facts.kernel_version, "6.1.0-test");
  EXPECT_TRUE(facts.has_virtio_blk);
  EXPECT_EQ(facts.sha256, Sha256Hex(MakeVmlinux()));
  EXPECT_THAT(ReadFile(vmlinux_), IsOkAndHolds(MakeVmlinux()));
}

TEST_F(KernelImageTest, EveryPayloadOfABzImageIsUnpacked) {
  const std::string vmlinux = MakeVmlinux({.version = "banner"});
  for (const char* filter : {"gzip", "xz", "zstd", "bzip2"}) {
    ASSERT_OK_AND_ASSIGN(const VmlinuxFacts facts, Extract(MakeBzImage(CompressForTests(vmlinux, filter))));
    EXPECT_EQ(facts.kernel_version, "6.1.0-test") << "of the header, " << filter;
    EXPECT_THAT(ReadFile(vmlinux_), IsOkAndHolds(vmlinux)) << filter;
  }
  ASSERT_OK(Extract(MakeBzImage(CompressLz4Legacy(vmlinux))));
  EXPECT_THAT(ReadFile(vmlinux_), IsOkAndHolds(vmlinux));
}

TEST_F(KernelImageTest, WithoutAVersionInTheHeaderTheBannerTells) {
  ASSERT_OK_AND_ASSIGN(const VmlinuxFacts facts,
                       Extract(MakeBzImage(CompressForTests(MakeVmlinux(), "gzip"), "no digit")));
  EXPECT_EQ(facts.kernel_version, "6.1.0-test");
}

TEST_F(KernelImageTest, WhatIsNoKernelIsCorrupt) {
  const auto corrupt = StatusIs(absl::StatusCode::kDataLoss);
  EXPECT_THAT(Extract(""), corrupt);
  EXPECT_THAT(Extract("#!/bin/sh\n"), corrupt);
  EXPECT_THAT(Extract(std::string(4096, 'x')), corrupt);
  EXPECT_THAT(Extract("\177ELF"), corrupt);
  EXPECT_THAT(Extract(MakeModule("")), corrupt);
  EXPECT_THAT(Extract(MakeVmlinux({.cut_off = 1})),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cut off")));
}

TEST_F(KernelImageTest, ADamagedBzImageIsCorrupt) {
  const std::string packed = CompressForTests(MakeVmlinux(), "zstd");
  EXPECT_THAT(Extract(MakeBzImage(packed).substr(0, 1700)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cut off")));
  EXPECT_THAT(Extract(MakeBzImage(packed.substr(0, packed.size() / 2))),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Extract(MakeBzImage(CompressForTests("no ELF", "xz"))), StatusIs(absl::StatusCode::kDataLoss));
  // Every header that is cut somewhere.
  const std::string image = MakeBzImage(packed);
  for (std::size_t size = 0; size < 0x260; size += 7) EXPECT_FALSE(Extract(image.substr(0, size)).ok());
}

TEST_F(KernelImageTest, KernelsThatCannotBootHereAreNamed) {
  EXPECT_THAT(Extract(MakeVmlinux({.machine = 183})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("aarch64")));
  EXPECT_THAT(Extract(MakeVmlinux({.machine = 3})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("3")));
  EXPECT_THAT(Extract(MakeVmlinux({.pvh = false})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("PVH")));
  EXPECT_OK(Extract(MakeVmlinux({.machine = 183, .pvh = false}), "aarch64"));
}

// Whatever the numbers in it say, nothing outside the bytes is read (ASan).
TEST_F(KernelImageTest, HostileElfHeadersReadNothingOutside) {
  for (const std::string& original : {MakeVmlinux(), MakeModule("a")}) {
    for (std::size_t at = 16; at < original.size(); ++at) {
      std::string bytes = original;
      bytes[at] = '\xff';
      const absl::StatusOr<ElfFile> elf = ElfFile::Parse(bytes);
      if (!elf.ok()) continue;
      (void)elf->CheckSegments().ok();
      (void)elf->HasNote("Xen", 18);
      (void)elf->FindSection(".modinfo");
    }
  }
}

}  // namespace
}  // namespace banger::kerneld
