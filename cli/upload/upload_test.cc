#include "cli/upload/upload.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "cli/upload/detect.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class UploadTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    const std::filesystem::path path = directory_.path() / name;
    EXPECT_OK(MakeDirectories(path.parent_path()));
    EXPECT_OK(WriteFileAtomically(path, content));
    return path.string();
  }
  std::string Directory(const std::string& name) { return (directory_.path() / name).string(); }

  static std::string Collect(const Upload& upload) {
    std::string all;
    const Wake wake;
    EXPECT_OK(upload.Produce(
        [&all](absl::string_view chunk) {
          EXPECT_LE(chunk.size(), std::size_t{1} << 20);
          all.append(chunk.data(), chunk.size());
          return absl::OkStatus();
        },
        wake));
    return all;
  }
  KernelFormat KernelFormatOf(const std::string& path) {
    const absl::StatusOr<KernelUpload> kernel = OpenKernel(path);
    EXPECT_OK(kernel);
    return kernel->format;
  }

  const TempDir directory_ = *TempDir::Create();
};

TEST_F(UploadTest, AFileComesWhole) {
  std::string content;
  for (int i = 0; i < 3000000; ++i) content += static_cast<char>(i % 251);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20, content.size()}) {
    ASSERT_OK_AND_ASSIGN(const Upload upload, Upload::OfFile(Write("file", content.substr(0, size))));
    EXPECT_EQ(upload.total_bytes(), static_cast<std::int64_t>(size));
    EXPECT_TRUE(Collect(upload) == content.substr(0, size)) << size;
  }
}

TEST_F(UploadTest, AWakeEndsAWaitForMore) {
  ASSERT_EQ(::mkfifo(Directory("fifo").c_str(), 0600), 0);
  const UniqueFd keep = *OpenFile(Directory("fifo"), O_RDWR);
  ASSERT_OK(WriteFully(keep.get(), "x"));
  Wake wake;
  wake.Now();
  EXPECT_FALSE(wake.WaitReadable(keep.get()));
  wake.Clear();
  EXPECT_TRUE(wake.WaitReadable(keep.get()));
}

TEST_F(UploadTest, PackingSkipsWhatIsNotThereAndStopsWithTheSink) {
  Write("tree/boot/vmlinuz", std::string(1 << 20, 'k'));
  const Upload upload = Upload::OfDirectory(Directory("tree/"), {"boot", "lib/modules"});
  EXPECT_EQ(upload.source(), "tree");
  const CommandResult listing = *RunCommand({.argv = {"tar", "-t"}}, Collect(upload));
  EXPECT_EQ(listing.out, "boot/\nboot/vmlinuz\n");
  const Wake wake;
  EXPECT_THAT(upload.Produce([](absl::string_view) { return absl::AbortedError("enough"); }, wake),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("enough")));
}

TEST_F(UploadTest, KernelsAreToldByTheirContent) {
  std::string bz_image(1024, '\0');
  bz_image.replace(0x202, 4, "HdrS");
  EXPECT_EQ(KernelFormatOf(Write("a", "!<arch>\ndebian-binary")), KernelFormat::kDeb);
  EXPECT_EQ(KernelFormatOf(Write("b",
                                 "\x7f"
                                 "ELF\x02")),
            KernelFormat::kImage);
  EXPECT_EQ(KernelFormatOf(Write("c", bz_image)), KernelFormat::kImage);
  Write("bundle/vmlinux", "x");
  EXPECT_EQ(KernelFormatOf(Directory("bundle")), KernelFormat::kBundle);
  const std::string tar =
      RunCommand({.argv = {"tar", "--zstd", "-C", Directory("bundle"), "-c", "vmlinux"}})->out;
  EXPECT_EQ(KernelFormatOf(Write("d", tar)), KernelFormat::kBundle);
  Write("tree/boot/vmlinuz-6.1", "x");
  EXPECT_EQ(KernelFormatOf(Directory("tree")), KernelFormat::kTree);
  Write("named/metadata.json", "{}");
  Write("named/elsewhere/kernel", "x");
  EXPECT_EQ(KernelFormatOf(Directory("named")), KernelFormat::kTree);
  EXPECT_THAT(Collect(OpenKernel(Directory("named"))->upload), HasSubstr("elsewhere/kernel"));
}

TEST_F(UploadTest, WhatIsNoKernelAndNoImageIsNamed) {
  const std::string text = Write("notes.txt", "hello");
  for (const std::string& path : {text, Write("empty", ""), Directory("")}) {
    EXPECT_THAT(OpenKernel(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path)));
    EXPECT_THAT(OpenImage(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path)));
  }
  EXPECT_THAT(OpenKernel(Directory("none")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

TEST_F(UploadTest, ARootFileSystemIsNoOciLayoutAlsoWhenItHasAFolderOfThatName) {
  Write("root/bin/sh", "x");
  Write("root/srv/blobs/x", "x");
  const std::string tar = RunCommand({.argv = {"tar", "-C", Directory("root"), "-c", "."}})->out;
  ASSERT_OK_AND_ASSIGN(const ImageUpload image, OpenImage(Write("root.tar", tar)));
  EXPECT_EQ(image.format, ImageFormat::kRootfsTar);
}

TEST_F(UploadTest, ReadyFileSystemsAndBundlesAreToldByTheirContent) {
  std::string ext4(4096, '\0');
  ext4.replace(1024 + 0x38, 2, "\x53\xef");
  EXPECT_EQ(OpenImage(Write("x.tar", ext4))->format, ImageFormat::kExt4);
  Write("bundle/manifest.json", "{}");
  Write("bundle/rootfs.ext4", ext4);
  for (const char* first : {"manifest.json", "rootfs.ext4"}) {
    const char* second = first[0] == 'm' ? "rootfs.ext4" : "manifest.json";
    const std::string tar =
        RunCommand({.argv = {"tar", "--zstd", "-C", Directory("bundle"), "-c", first, second}})->out;
    EXPECT_EQ(OpenImage(Write("b", tar))->format, ImageFormat::kBundle);
  }
}

TEST_F(UploadTest, WhatDockerSaveWritesIsToldByItsContent) {
  const std::string id(64, 'a');
  Write("saved/" + id + "/layer.tar", "x");
  Write("saved/" + id + ".json", "{}");
  Write("saved/manifest.json", "[]");
  for (const std::string& first : {id, id + ".json", std::string("manifest.json")}) {
    const std::string tar =
        RunCommand({.argv = {"tar", "-C", Directory("saved"), "-c", first, "manifest.json"}})->out;
    EXPECT_EQ(OpenImage(Write("s.tar", tar))->format, ImageFormat::kDockerArchive) << first;
  }
  // The newer form is an OCI layout, too.
  Write("saved/oci-layout", "{}");
  const std::string tar =
      RunCommand({.argv = {"tar", "-C", Directory("saved"), "-c", "manifest.json", "oci-layout"}})->out;
  EXPECT_EQ(OpenImage(Write("s.tar", tar))->format, ImageFormat::kOciLayout);
}

}  // namespace
}  // namespace banger::cli
