#include "services/kerneld/adapters/kernel_importer.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/archive/byte_source.h"
#include "common/archive/compress_for_tests.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/kerneld/adapters/disk_store.h"
#include "services/kerneld/core/kernel_manager.h"
#include "services/kerneld/testing/fakes.h"
#include "services/kerneld/testing/kernel_files.h"

namespace banger::kerneld {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class KernelImporterTest : public ::testing::Test {
 protected:
  KernelImporterTest() { EXPECT_OK(WriteFileAtomically(init_, "#!init")); }

  absl::StatusOr<Kernel> Import(Format format, const std::string& bytes, const std::string& arch = "x86_64",
                                const std::stop_token& stop = {}) {
    MemorySource source(bytes);
    return manager_.Import(
        {.id = "k", .format = format, .arch = arch, .source = "f", .force = true}, source,
        [](const Progress&) {}, stop);
  }

  // Nothing of the failed import is left, and it was not listed.
  bool NoTrace() const { return fs::is_empty(root_ / ".staging") && !fs::exists(root_ / "k"); }

  // What `cpio` of the system sees in the initrd.
  std::string InitrdListing() {
    const absl::StatusOr<std::string> cpio = ReadFile(root_ / "k" / "initrd.img");
    EXPECT_OK(cpio);
    absl::StatusOr<CommandResult> result = RunCommand({.argv = {"cpio", "-t", "--quiet"}}, *cpio);
    EXPECT_OK(result);
    EXPECT_TRUE(result->status.success()) << result->err;
    return result->out;
  }
  std::string InitrdFile(const std::string& path) {
    return RunCommandOk({.argv = {"cpio", "-i", "--quiet", "--to-stdout", path}},
                        *ReadFile(root_ / "k" / "initrd.img"))
        .value();
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path root_ = dir_->path() / "kernels";
  const fs::path init_ = dir_->path() / "banger-initrd";
  const std::unique_ptr<DiskStore> store_ = *DiskStore::Open(root_);
  KernelImporter importer_{[this] { return absl::StatusOr<fs::path>(init_); }};
  FakePackages no_packages_;
  FakeTarballs no_tarballs_;
  FakeCatalogs no_catalogs_{{}};
  KernelManager manager_{*store_, importer_, no_packages_, no_tarballs_, no_catalogs_};
};

TEST_F(KernelImporterTest, ADebianPackageGetsAnInitrdThatLoadsItsDrivers) {
  const std::string deb = MakeDeb("data.tar.xz", CompressForTests(DebianTree().Build(), "xz"));
  ASSERT_OK_AND_ASSIGN(const Kernel kernel, Import(Format::kDeb, deb));
  EXPECT_EQ(kernel.kernel_version, "6.1.0-test");
  EXPECT_EQ(kernel.arch, "x86_64");
  EXPECT_TRUE(kernel.has_initrd);
  EXPECT_TRUE(kernel.has_modules);
  EXPECT_THAT(ReadFile(root_ / "k" / "vmlinux"), IsOkAndHolds(MakeVmlinux({.virtio_blk = false})));
  EXPECT_TRUE(fs::exists(root_ / "k" / "modules" / "modules.builtin"));
  EXPECT_THAT(InitrdListing(), HasSubstr("dev/console\n"));
  EXPECT_EQ(InitrdFile("init"), "#!init");
  EXPECT_EQ(InitrdFile("modules.list"),
            "/lib/modules/virtio_ring.ko\n/lib/modules/virtio.ko\n/lib/modules/virtio_blk.ko\n"
            "/lib/modules/virtio_rng.ko\n");
  EXPECT_EQ(InitrdFile("lib/modules/virtio_blk.ko"), MakeModule("virtio,virtio_ring")) << "unpacked";
}

TEST_F(KernelImporterTest, EveryDataTarOfAPackageIsRead) {
  const std::string tar = DebianTree().Build();
  EXPECT_OK(Import(Format::kDeb, MakeDeb("data.tar", tar)));
  EXPECT_OK(Import(Format::kDeb, MakeDeb("data.tar.gz", CompressForTests(tar, "gzip"))));
  EXPECT_OK(Import(Format::kDeb, MakeDeb("data.tar.zst", CompressForTests(tar, "zstd"))));
}

TEST_F(KernelImporterTest, ABundleIsTakenAsItIs) {
  const std::string bundle = TarBuilder()
                                 .File("vmlinux", MakeVmlinux())
                                 .File("initrd.img", "theirs")
                                 .File("modules/kernel/a.ko", MakeModule(""))
                                 .File("manifest.json", R"({"distro": "void", "name": "other"})")
                                 .Build();
  ASSERT_OK_AND_ASSIGN(const Kernel kernel, Import(Format::kBundle, CompressForTests(bundle, "zstd")));
  EXPECT_EQ(kernel.id, "k");
  EXPECT_EQ(kernel.distro, "void");
  EXPECT_THAT(ReadFile(root_ / "k" / "initrd.img"), IsOkAndHolds("theirs"));
  EXPECT_TRUE(fs::exists(root_ / "k" / "modules" / "kernel" / "a.ko"));
}

TEST_F(KernelImporterTest, AMetadataFileNamesTheFilesOfATree) {
  const std::string tree =
      TarBuilder()
          .File("metadata.json", R"({"kernel_path": "out/bzImage", "kernel_version": "1", "distro": "mine"})")
          .File("out/bzImage", MakeBzImage(CompressForTests(MakeVmlinux(), "gzip"), "7.0-x"))
          .File("boot/vmlinux-9", "not this one")
          .Build();
  ASSERT_OK_AND_ASSIGN(const Kernel kernel, Import(Format::kTree, tree));
  EXPECT_EQ(kernel.kernel_version, "7.0-x");
  EXPECT_EQ(kernel.distro, "mine");
  EXPECT_FALSE(kernel.has_initrd);
  EXPECT_FALSE(kernel.has_modules);
}

// Fedora ships kernel and initrd among the modules.
TEST_F(KernelImporterTest, KernelAndInitrdMayLieAmongTheModules) {
  const std::string tree =
      TarBuilder()
          .File("metadata.json", R"({"kernel_path": "lib/modules/6/vmlinux", "modules_dir": "lib/modules/6",
                                     "initrd_path": "lib/modules/6/initrd"})")
          .File("lib/modules/6/vmlinux", MakeVmlinux(), 0755)
          .File("lib/modules/6/initrd", "theirs")
          .File("lib/modules/6/a.ko", MakeModule(""))
          .Build();
  ASSERT_OK(Import(Format::kTree, tree));
  EXPECT_THAT(ReadFile(root_ / "k" / "initrd.img"), IsOkAndHolds("theirs"));
  EXPECT_TRUE(fs::exists(root_ / "k" / "modules" / "a.ko"));
  EXPECT_EQ(fs::status(root_ / "k" / "vmlinux").permissions(), fs::perms(0644));
}

TEST_F(KernelImporterTest, ABareImageWithBuiltInDriversNeedsNothingElse) {
  ASSERT_OK_AND_ASSIGN(const Kernel kernel, Import(Format::kImage, MakeVmlinux()));
  EXPECT_FALSE(kernel.has_initrd);
  EXPECT_EQ(kernel.kernel_version, "6.1.0-test");
  EXPECT_EQ(fs::status(root_ / "k" / "vmlinux").permissions(), fs::perms(0644));
}

TEST_F(KernelImporterTest, ABareBzImageIsUnpacked) {
  const std::string image = MakeBzImage(CompressForTests(MakeVmlinux(), "zstd"), "6.10.2-x");
  ASSERT_OK_AND_ASSIGN(const Kernel kernel, Import(Format::kImage, image));
  EXPECT_EQ(kernel.kernel_version, "6.10.2-x");
  EXPECT_THAT(ReadFile(root_ / "k" / "vmlinux"), IsOkAndHolds(MakeVmlinux()));
}

TEST_F(KernelImporterTest, TheHighestVersionCountsByItsNumbers) {
  TarBuilder tree;
  for (const char* version : {"6.9", "6.10", "5.200"}) {
    tree.File(absl::StrCat("boot/vmlinux-", version), MakeVmlinux({.version = version}));
    tree.File(absl::StrCat("lib/modules/", version, "/a.ko"), version);
  }
  EXPECT_EQ(Import(Format::kTree, tree.Build())->kernel_version, "6.10");
  EXPECT_THAT(ReadFile(root_ / "k" / "modules" / "a.ko"), IsOkAndHolds("6.10"));
}

TEST_F(KernelImporterTest, AKernelWithoutVirtioBlkIsRefusedByName) {
  EXPECT_THAT(Import(Format::kImage, MakeVmlinux({.virtio_blk = false})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("virtio_blk")));
  EXPECT_TRUE(NoTrace());
}

TEST_F(KernelImporterTest, AKernelForAnotherMachineIsRefused) {
  EXPECT_THAT(Import(Format::kImage, MakeVmlinux({.machine = 183})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("aarch64")));
  EXPECT_TRUE(NoTrace());
}

TEST_F(KernelImporterTest, ModulesOfAnotherVersionAreAnError) {
  const std::string tree = TarBuilder()
                               .File("boot/vmlinux-6.1.0-test", MakeVmlinux())
                               .File("lib/modules/5.4/a.ko", MakeModule(""))
                               .Build();
  EXPECT_THAT(Import(Format::kTree, tree),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("lib/modules/5.4")));
  EXPECT_TRUE(NoTrace());
}

TEST_F(KernelImporterTest, DamagedSourcesLeaveNoTrace) {
  const std::string tar = CompressForTests(DebianTree().Build(), "xz");
  const std::string deb = MakeDeb("data.tar.xz", tar);
  for (const std::string& bytes : {std::string(), std::string("hello"), deb.substr(0, deb.size() / 2),
                                   MakeDeb("other.tar.xz", tar), MakeDeb("data.tar.xz", "hello"),
                                   MakeDeb("data.tar", TarBuilder().File("usr/share/doc/x", "").Build())}) {
    EXPECT_EQ(ErrorReason(Import(Format::kDeb, bytes).status()), "KERNEL_CORRUPT");
    EXPECT_TRUE(NoTrace());
  }
  for (const Format format : {Format::kBundle, Format::kTree, Format::kImage}) {
    EXPECT_EQ(ErrorReason(Import(format, "hello, world").status()), "KERNEL_CORRUPT");
    EXPECT_TRUE(NoTrace());
  }
  EXPECT_EQ(ErrorReason(
                Import(Format::kTree, TarBuilder()
                                          .File("boot/vmlinux-6.1.0-test", MakeVmlinux({.virtio_blk = false}))
                                          .File("lib/modules/6.1.0-test/virtio_blk.ko", "no ELF")
                                          .Build())
                    .status()),
            "KERNEL_CORRUPT");
  EXPECT_TRUE(NoTrace());
}

TEST_F(KernelImporterTest, HostileArchivesAreRefusedAndLeaveNoTrace) {
  for (const TarBuilder& tar :
       {TarBuilder().File("../../../../tmp/evil", "x"), TarBuilder().File("/tmp/evil", "x"),
        TarBuilder().Symlink("boot", "/tmp").File("boot/vmlinux-6", "x"),
        TarBuilder().Symlink("lib", "../../x"),
        TarBuilder().File("metadata.json", R"({"kernel_path": "../../../etc/passwd"})"),
        TarBuilder().Add({.path = "metadata.json", .content = std::string(2 << 20, ' ')})}) {
    EXPECT_EQ(ErrorReason(Import(Format::kTree, tar.Build()).status()), "ARCHIVE_REFUSED");
    EXPECT_TRUE(NoTrace());
  }
  // A link is no kernel, wherever it leads.
  EXPECT_EQ(
      ErrorReason(Import(Format::kBundle, TarBuilder().Symlink("vmlinux", init_.string()).Build()).status()),
      "KERNEL_CORRUPT");
  EXPECT_TRUE(NoTrace());
}

// A tar of a million directories.
class MillionMembers final : public ByteSource {
 public:
  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    std::size_t size = 0;
    for (; members_ < 1'000'000 && size + member_.size() <= buffer.size(); ++members_) {
      std::copy(member_.begin(), member_.end(), buffer.data() + size);
      size += member_.size();
    }
    return size;
  }
  int members() const { return members_; }

 private:
  const std::string member_ = TarBuilder().Directory("d").Build().substr(0, 512);
  int members_ = 0;
};

TEST_F(KernelImporterTest, AnArchiveWithTooManyMembersOrBytesIsRefused) {
  MillionMembers million;
  EXPECT_EQ(
      ErrorReason(manager_.Import({.id = "k", .format = Format::kTree}, million, [](const Progress&) {}, {})
                      .status()),
      "ARCHIVE_REFUSED");
  EXPECT_LT(million.members(), 110'000) << "the rest was not read";
  EXPECT_TRUE(NoTrace());
  // Five members that say they have 1 GiB each; no byte of them is needed.
  TarBuilder sparse;
  for (int i = 0; i < 5; ++i) {
    sparse.Pax("GNU.sparse.size", "1073741824").Pax("GNU.sparse.name", "f").Pax("GNU.sparse.map", "0,0");
    sparse.File("f", "");
  }
  EXPECT_EQ(ErrorReason(Import(Format::kTree, sparse.Build()).status()), "ARCHIVE_REFUSED");
  EXPECT_TRUE(NoTrace());
}

TEST_F(KernelImporterTest, AStoppedImportLeavesNoTrace) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(Import(Format::kImage, MakeVmlinux(), "", stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(NoTrace());
}

TEST_F(KernelImporterTest, AReplacementThatFailsLeavesTheOldKernel) {
  ASSERT_OK(Import(Format::kImage, MakeVmlinux()));
  EXPECT_FALSE(Import(Format::kImage, "hello").ok());
  EXPECT_OK(manager_.Get("k"));
}

TEST_F(KernelImporterTest, AMissingInitProgramIsNamed) {
  fs::remove(init_);
  EXPECT_THAT(Import(Format::kTree, DebianTree().Build()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("banger-initrd")));
  EXPECT_TRUE(NoTrace());
}

// In a mount namespace of its own: a disk of 256 KiB.
void ImportOnASmallDisk(const fs::path& directory) {
  if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) ::_exit(77);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(77);
  if (::mount("small", directory.c_str(), "tmpfs", 0, "size=256k") != 0) ::_exit(77);
  const auto store = *DiskStore::Open(directory / "kernels");
  KernelImporter importer([] { return absl::StatusOr<fs::path>("/none"); });
  FakePackages packages;
  FakeTarballs tarballs;
  FakeCatalogs catalogs({});
  KernelManager manager(*store, importer, packages, tarballs, catalogs);
  for (const auto& [format, bytes] :
       {std::pair{Format::kImage, std::string(1 << 20, 'x')},
        std::pair{Format::kTree, TarBuilder().File("vmlinux", std::string(1 << 20, 'x')).Build()}}) {
    MemorySource source(bytes);
    const absl::Status status =
        manager.Import({.id = "k", .format = format}, source, [](const Progress&) {}, {}).status();
    if (!absl::IsResourceExhausted(status)) ::_exit(1);
    if (!fs::is_empty(directory / "kernels/.staging") || fs::exists(directory / "kernels/k")) ::_exit(2);
  }
  ::_exit(0);
}

TEST_F(KernelImporterTest, AFullDiskIsSaidAndLeavesNoTrace) {
  const pid_t child = ::fork();
  if (child == 0) ImportOnASmallDisk(dir_->path());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace banger::kerneld
