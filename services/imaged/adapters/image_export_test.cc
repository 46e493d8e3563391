#include "services/imaged/adapters/image_export.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "common/ext4/ext4_reader.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/subprocess.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/bundle_builder.h"
#include "services/imaged/adapters/oci_layout_builder.h"
#include "services/imaged/testing/sample_rootfs.h"

namespace banger::imaged {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

// All of a file system, path by path, contents included.
void Describe(const Ext4Reader& reader, Ext4Reader::Number number, const std::string& path,
              std::map<std::string, std::string>& all) {
  const auto node = reader.Read(number);
  ASSERT_OK(node);
  std::string& text = all[path];
  text = absl::StrCat(static_cast<int>(node->type), " ", absl::Hex(node->attributes.mode), " ",
                      node->attributes.uid, ":", node->attributes.gid, " ", node->attributes.mtime_seconds,
                      ".", node->attributes.mtime_nanoseconds, " ", node->size, " ", node->target, " ",
                      node->device_major, ":", node->device_minor);
  for (const auto& [name, value] : node->attributes.xattrs) absl::StrAppend(&text, " ", name, "=", value);
  if (node->type == ext4::Type::kFile) {
    absl::StrAppend(&text, " names ", node->names, " ranges");
    ASSERT_OK_AND_ASSIGN(const auto ranges, reader.DataRanges(number));
    for (const auto& [offset, size] : ranges) absl::StrAppend(&text, " ", offset, "+", size);
    ASSERT_OK(reader.ReadContent(number, [&text](std::int64_t, absl::string_view bytes) {
      text.append(bytes.data(), bytes.size());
      return absl::OkStatus();
    }));
  }
  if (node->type != ext4::Type::kDirectory) return;
  ASSERT_OK_AND_ASSIGN(const auto entries, reader.List(number));
  for (const auto& [name, child] : entries)
    if (path != "" || name != "lost+found") Describe(reader, child, path + "/" + name, all);
}

std::map<std::string, std::string> DescribeAll(const fs::path& rootfs) {
  std::map<std::string, std::string> all;
  const absl::StatusOr<Ext4Reader> reader = Ext4Reader::Open(rootfs);
  EXPECT_OK(reader);
  if (reader.ok()) Describe(*reader, Ext4Reader::kRoot, "", all);
  return all;
}

class ImageExportTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(WriteSampleRootfs(rootfs_)); }

  template <typename Export>
  std::string ExportBy(Export write, const std::stop_token& stop = {}) {
    const absl::StatusOr<TempDir> scratch = TempDir::Create(dir_->path());
    std::string bytes;
    const auto sink = [&bytes](absl::string_view piece) {
      bytes.append(piece.data(), piece.size());
      return absl::OkStatus();
    };
    const ExportJob job{image_, rootfs_, scratch->path(), [this](const Progress& step) { last_ = step; },
                        stop};
    status_ = write(job, sink);
    return bytes;
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path rootfs_ = dir_->path() / "rootfs.ext4";
  const fs::path back_ = dir_->path() / "back.ext4";
  const Image image_{
      .id = "sample",
      .arch = "x86_64",
      .os = "Sample 1",
      .config = {.env = {"PATH=/bin", "A=b"}, .working_dir = "/w", .user = "1:2", .cmd = {"sh"}}};
  absl::Status status_;
  Progress last_;
};

TEST_F(ImageExportTest, AnOciArchiveGivesTheSameTreeBack) {
  const std::string archive = ExportBy(ExportOciArchive);
  ASSERT_OK(status_);
  EXPECT_EQ(last_.stage, "send");
  EXPECT_EQ(last_.done_bytes, last_.total_bytes);
  MemorySource source(archive);
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built,
                       OciLayoutBuilder(source, "sample", "x86_64").Build(back_, 0, {}));
  EXPECT_THAT(built.config.env, ElementsAre("PATH=/bin", "A=b"));
  EXPECT_EQ(built.config.working_dir, "/w");
  EXPECT_EQ(built.config.user, "1:2");
  EXPECT_THAT(built.config.cmd, ElementsAre("sh"));
  EXPECT_TRUE(built.config.entrypoint.empty());
  EXPECT_OK(CheckExt4(back_));
  auto expected = DescribeAll(rootfs_);
  auto found = DescribeAll(back_);
  // What every root file system of ours is given.
  for (const char* added : {"/proc", "/sys", "/dev", "/run", "/root"}) found.erase(added);
  EXPECT_EQ(found, expected);
}

TEST_F(ImageExportTest, ABundleGivesTheSameBytesBack) {
  const std::string bundle = ExportBy(ExportBundle);
  ASSERT_OK(status_);
  EXPECT_LT(bundle.size(), 1U << 20);
  MemorySource source(bundle);
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built, BundleBuilder(source).Build(back_, 0, {}));
  EXPECT_THAT(built.config.env, ElementsAre("PATH=/bin", "A=b"));
  EXPECT_TRUE(*ReadFile(back_, 128 << 20) == *ReadFile(rootfs_, 128 << 20));
  EXPECT_LT(*DiskUsage(back_), 8 << 20);
}

TEST_F(ImageExportTest, TheSameImageGivesTheSameBytes) {
  EXPECT_TRUE(ExportBy(ExportOciArchive) == ExportBy(ExportOciArchive));
  EXPECT_TRUE(ExportBy(ExportBundle) == ExportBy(ExportBundle));
}

TEST_F(ImageExportTest, SkopeoAndUmociTakeTheArchive) {
  for (const char* program : {"/usr/bin/skopeo", "/usr/bin/umoci"})
    if (!fs::exists(program)) GTEST_SKIP() << program << " is not installed; scripts/setup installs it";
  const fs::path archive = dir_->path() / "image.tar";
  ASSERT_OK(WriteFileAtomically(archive, ExportBy(ExportOciArchive)));
  const fs::path layout = dir_->path() / "layout";
  const auto run = [](std::vector<std::string> argv) {
    const auto result = RunCommand({.argv = std::move(argv)});
    EXPECT_OK(result);
    EXPECT_TRUE(result->status.success()) << result->err;
  };
  run({"/usr/bin/skopeo", "--insecure-policy", "copy",
       absl::StrCat("oci-archive:", archive.string(), ":sample"),
       absl::StrCat("oci:", layout.string(), ":sample")});
  run({"/usr/bin/umoci", "unpack", "--rootless", "--image", absl::StrCat(layout.string(), ":sample"),
       dir_->path() / "unpacked"});
  EXPECT_THAT(ReadFile(dir_->path() / "unpacked/rootfs/etc/os-release"),
              IsOkAndHolds("PRETTY_NAME=\"Sample 1\"\n"));
  EXPECT_EQ(fs::file_size(dir_->path() / "unpacked/rootfs/tmp/sparse"), 5U << 20);
}

TEST_F(ImageExportTest, ACallerWhoHasLeftStopsIt) {
  std::stop_source stop;
  stop.request_stop();
  ExportBy(ExportOciArchive, stop.get_token());
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kCancelled));
  ExportBy(ExportBundle, stop.get_token());
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kCancelled));
  const auto refuse = [](const ExportJob& job, const ExportSink&) {
    return ExportBundle(job, [](absl::string_view) { return absl::CancelledError("gone"); });
  };
  ExportBy(refuse);
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ImageExportTest, ADamagedFileSystemIsSaid) {
  fs::resize_file(rootfs_, 1 << 20);
  ExportBy(ExportOciArchive);
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace banger::imaged
