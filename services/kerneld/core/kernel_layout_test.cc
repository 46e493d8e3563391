#include "services/kerneld/core/kernel_layout.h"

#include <gtest/gtest.h>

#include "common/testing/status_matchers.h"

namespace banger::kerneld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(KernelLayoutTest, MetadataWinsOverEverythingElse) {
  ASSERT_OK_AND_ASSIGN(
      const KernelLayout layout,
      FindKernelLayout({"vmlinux", "boot/vmlinux-9", "k/my", "k/ird", "k/mods/a.ko"},
                       {.kernel_path = "k/my", .initrd_path = "k/ird", .modules_dir = "k/mods"}));
  EXPECT_EQ(layout.image, "k/my");
  EXPECT_EQ(layout.initrd, "k/ird");
  EXPECT_THAT(layout.modules_dirs, ElementsAre("k/mods"));
  EXPECT_THAT(ChooseModules(layout, "whatever"), IsOkAndHolds("k/mods"));
}

TEST(KernelLayoutTest, MetadataThatNamesWhatIsNotThereIsAnError) {
  EXPECT_THAT(FindKernelLayout({"boot/vmlinux-9"}, {.kernel_path = "vmlinuz"}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'vmlinuz'")));
  EXPECT_THAT(FindKernelLayout({"k"}, {.kernel_path = "k", .modules_dir = "mods"}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'mods'")));
  EXPECT_THAT(FindKernelLayout({"k"}, {.kernel_path = "k", .initrd_path = "k"}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'k' for two things")));
}

TEST(KernelLayoutTest, ABundleHasItsFilesAtTheRoot) {
  ASSERT_OK_AND_ASSIGN(const KernelLayout layout,
                       FindKernelLayout({"initrd.img", "modules/kernel/a.ko", "vmlinux"}, {}));
  EXPECT_EQ(layout.image, "vmlinux");
  EXPECT_EQ(layout.initrd, "initrd.img");
  EXPECT_THAT(ChooseModules(layout, "6.1"), IsOkAndHolds("modules"));
}

TEST(KernelLayoutTest, TheNewestKernelOfATreeComesWithItsOwnInitrdAndModules) {
  ASSERT_OK_AND_ASSIGN(const KernelLayout layout,
                       FindKernelLayout({"boot/vmlinuz-6.1.0-9-amd64", "boot/vmlinuz-6.1.0-10-amd64",
                                         "boot/initrd.img-6.1.0-9-amd64", "boot/initrd.img-6.1.0-10-amd64",
                                         "lib/modules/6.1.0-9-amd64/a.ko", "lib/modules/6.1.0-10-amd64/a.ko",
                                         "lib/modules/6.1.0-10-amd64/b.ko"},
                                        {}));
  EXPECT_EQ(layout.image, "boot/vmlinuz-6.1.0-10-amd64");
  EXPECT_EQ(layout.initrd, "boot/initrd.img-6.1.0-10-amd64");
  EXPECT_THAT(ChooseModules(layout, "6.1.0-9-amd64"), IsOkAndHolds("lib/modules/6.1.0-9-amd64"));
  EXPECT_THAT(ChooseModules(layout, ""), IsOkAndHolds("lib/modules/6.1.0-10-amd64"));
  EXPECT_THAT(ChooseModules(layout, "7"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("6.1.0-9-amd64")));
}

TEST(KernelLayoutTest, AnElfWinsOverABzImageAndAnotherKernelsInitrdIsNotTaken) {
  ASSERT_OK_AND_ASSIGN(const KernelLayout layout,
                       FindKernelLayout({"boot/initramfs-8.img", "boot/vmlinux-6", "boot/vmlinuz-8"}, {}));
  EXPECT_EQ(layout.image, "boot/vmlinux-6");
  EXPECT_THAT(layout.initrd, IsEmpty());
  EXPECT_THAT(ChooseModules(layout, "6"), IsOkAndHolds(""));
}

TEST(KernelLayoutTest, InitrdsHaveTheNamesOfAllDistributions) {
  for (const char* initrd :
       {"boot/initramfs-virt", "boot/initramfs-virt.img", "boot/initrd.img-virt", "boot/initrd-virt"}) {
    ASSERT_OK_AND_ASSIGN(const KernelLayout layout, FindKernelLayout({"boot/vmlinuz-virt", initrd}, {}));
    EXPECT_EQ(layout.initrd, initrd);
  }
}

TEST(KernelLayoutTest, MergedUsrHasModulesBelowUsr) {
  ASSERT_OK_AND_ASSIGN(const KernelLayout layout,
                       FindKernelLayout({"boot/vmlinuz-6", "usr/lib/modules/6/kernel/a.ko"}, {}));
  EXPECT_THAT(ChooseModules(layout, "6"), IsOkAndHolds("usr/lib/modules/6"));
}

TEST(KernelLayoutTest, NoKernelIsAnError) {
  EXPECT_THAT(FindKernelLayout({"boot/config-6", "boot/vmlinuz-6/x", "etc/passwd"}, {}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("there is no kernel")));
}

}  // namespace
}  // namespace banger::kerneld
