// The commands that take images in from files and out to them.
#include <sys/stat.h>

#include <filesystem>

#include "cli/testing/cli_fixture.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImageWaysTest : public CliTest {
 protected:
  std::string Path(const std::string& name) const { return (directory_.path() / name).string(); }
  std::string WriteExt4(const std::string& name) const {
    std::string ext4(1 << 16, '\0');
    ext4.replace(1024 + 0x38, 2, "\x53\xef");
    return WriteFile(name, ext4);
  }
};

TEST_F(ImageWaysTest, WhatIsAvailableIsListedWithItsState) {
  image::v1::CatalogImage& entry = *state_.image_catalog.add_images();
  entry.set_name("images/debian-bookworm");
  entry.set_distro("debian");
  entry.set_release("12");
  entry.set_arch("x86_64");
  entry.set_size_bytes(300 << 20);
  entry.set_state(image::v1::CatalogImage::STATE_UPDATE);
  entry.set_catalog("built-in");
  state_.image_catalog.add_warnings("image catalog https://x/c: gone\n");
  const CommandResult result = Run({"image", "list", "--available"});
  EXPECT_EQ(result.out,
            "NAME              DISTRO   ARCH     RELEASE   SIZE   STATE    SOURCE\n"
            "debian-bookworm   debian   x86_64   12        300M   update   built-in\n");
  EXPECT_EQ(result.err, "warning: image catalog https://x/c: gone?\n");
  EXPECT_THAT(Run({"image", "list", "--available", "--format", "json"}).out,
              HasSubstr("\"state\": \"STATE_UPDATE\""));
}

TEST_F(ImageWaysTest, AnExportIsAFileWhenItIsWholeAndNothingBefore) {
  state_.exported = {"one ", "two", ""};
  const std::string file = Path("out.tar");
  ASSERT_EQ(Run({"image", "export", "deb", "-o", file}).status.code, 0);
  EXPECT_THAT(ReadFile(file), IsOkAndHolds("one two"));
  EXPECT_THAT(state_.Events(), ElementsAre("export images/deb as 1"));
  EXPECT_EQ(Run({"image", "export", "deb", "-o", "-", "--format", "bundle"}).out, "one two");

  state_.exported = {"half"};
  const CommandResult cut = Run({"image", "export", "deb", "-o", file});
  EXPECT_EQ(cut.status.code, 1);
  EXPECT_THAT(cut.err, HasSubstr("stopped in the middle"));
  state_.Fail("ExportImage", ApiError(absl::StatusCode::kDataLoss, "IMAGE_CORRUPT", "it is damaged"));
  EXPECT_EQ(Run({"image", "export", "deb", "-o", Path("other")}).status.code, 1);
  EXPECT_THAT(ReadFile(file), IsOkAndHolds("one two")) << "the older one stays";
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path()), fs::directory_iterator()), 2)
      << "socket and export";
  EXPECT_EQ(Run({"image", "export", "deb", "-o", "/nonexistent/x"}).status.code, 3);
}

TEST_F(ImageWaysTest, ARegisteredFileIsStreamedOrNamed) {
  const std::string file = WriteExt4("mine.ext4");
  ASSERT_EQ(Run({"image", "register", "--name", "mine", "--rootfs", file, "--kernel-ref", "k"}).out,
            "mine\n");
  EXPECT_EQ(state_.image_spec.format(), image::v1::ImportImageRequest::FORMAT_EXT4);
  EXPECT_EQ(state_.image_spec.kernel(), "kernels/k");
  EXPECT_TRUE(state_.received == *ReadFile(file));
  const CommandResult in_place = Run({"image", "register", "--name", "mine", "--rootfs", file, "--in-place"});
  EXPECT_EQ(in_place.out, "mine\n") << in_place.err;
  EXPECT_THAT(state_.Events().back(), HasSubstr("registered images/mine at " + file + " with ''"));
  state_.Fail("RegisterImage",
              ApiError(absl::StatusCode::kPermissionDenied, "PATH_NOT_ALLOWED", "not there"));
  EXPECT_THAT(Run({"image", "register", "--name", "mine", "--rootfs", file, "--in-place"}).err,
              HasSubstr("in_place_dirs"));
  const std::string text = WriteFile("notes.txt", "hello");
  EXPECT_THAT(Run({"image", "register", "--name", "x", "--rootfs", text}).err, HasSubstr("notes.txt"));
}

TEST_F(ImageWaysTest, AKernelOfItsOwnIsTakenInUnderTheImagesName) {
  const std::string file = WriteExt4("mine.ext4");
  const std::string kernel = WriteFile("vmlinux-x",
                                       "\x7f"
                                       "ELF kernel");
  ASSERT_EQ(Run({"image", "register", "--name", "mine", "--rootfs", file, "--kernel", kernel}).out, "mine\n");
  EXPECT_EQ(state_.kernel_spec.name(), "kernels/mine");
  EXPECT_EQ(state_.kernel_spec.format(), kernel::v1::ImportKernelRequest::FORMAT_IMAGE);
  EXPECT_EQ(state_.image_spec.kernel(), "kernels/mine");

  const std::string initrd = WriteFile("my-initrd", "initrd");
  WriteFile("mods/kernel/a.ko", "module");
  ASSERT_EQ(Run({"image", "register", "--name", "mine", "--rootfs", file, "--in-place", "--kernel", kernel,
                 "--initrd", initrd, "--modules", Path("mods")})
                .out,
            "mine\n");
  EXPECT_EQ(state_.kernel_spec.format(), kernel::v1::ImportKernelRequest::FORMAT_TREE);
  EXPECT_EQ(state_.kernel_spec.source(), "vmlinux-x");
  const CommandResult listing = *RunCommand({.argv = {"tar", "-t"}}, state_.received);
  EXPECT_EQ(listing.out, "metadata.json\nkernel\ninitrd\nmodules/\nmodules/kernel/\nmodules/kernel/a.ko\n");

  EXPECT_EQ(Run({"image", "register", "--name", "x", "--rootfs", file, "--initrd", initrd}).status.code, 2);
  EXPECT_EQ(
      Run({"image", "register", "--name", "x", "--rootfs", file, "--kernel", kernel, "--kernel-ref", "k"})
          .status.code,
      2);
}

TEST_F(ImageWaysTest, PromoteSaysWhatItCopied) {
  const CommandResult result = Run({"image", "promote", "mine"});
  EXPECT_EQ(result.out, "mine\n");
  EXPECT_EQ(result.err, "promote image 'mine': copy\n");
}

TEST_F(ImageWaysTest, ABuildWithoutABuilderNamesBoth) {
  fs::create_directory(directory_.path() / "app");
  EXPECT_THAT(Run({"image", "build", Path("app")}).err, HasSubstr("app/Dockerfile"));
  EXPECT_EQ(Run({"image", "build", Path("none")}).status.code, 3);
  WriteFile("app/Dockerfile", "FROM scratch\n");
  std::vector<std::string> env = Environment();
  for (std::string& variable : env)
    if (variable.starts_with("PATH=")) variable = "PATH=" + Path("nothing");
  const CommandResult none =
      *RunCommand({.argv = {BangerProgram(), "image", "build", Path("app")}, .env = env});
  EXPECT_EQ(none.status.code, 1);
  EXPECT_THAT(none.err, HasSubstr("neither 'buildah' nor 'docker'"));
  EXPECT_EQ(state_.Calls("ImportImage"), 0);
}

}  // namespace
}  // namespace banger::cli
