#include "services/imaged/adapters/rootfs_tar_builder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/archive/tar_builder.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::imaged {
namespace {

using ::testing::HasSubstr;

// The begin of an x86-64 program.
std::string Elf(char machine = 62) {
  std::string elf(
      "\x7f"
      "ELF\2\1\1",
      7);
  elf.resize(64);
  elf[18] = machine;
  return elf;
}

class RootfsTarBuilderTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create()); }

  absl::StatusOr<BuiltRootfs> Build(const std::string& tar, std::int64_t size = 0,
                                    const ArchiveLimits& limits = {}) {
    MemorySource source(tar);
    return RootfsTarBuilder(source, limits).Build(rootfs(), size, {});
  }

  // With a shell, so that it passes for a root file system.
  Ext4Inspector BuildAndCheck(TarBuilder& tar) {
    EXPECT_OK(Build(tar.File("bin/sh", Elf(), 0755).Build()));
    EXPECT_OK(CheckExt4(rootfs()));
    absl::StatusOr<Ext4Inspector> fs = Ext4Inspector::Open(rootfs());
    EXPECT_OK(fs);
    return *std::move(fs);
  }

  void ExpectRefused(TarBuilder& tar, const std::string& member) {
    const absl::Status status = Build(tar.File("bin/sh", Elf(), 0755).Build()).status();
    EXPECT_EQ(ErrorReason(status), "ARCHIVE_REFUSED") << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(member));
    EXPECT_FALSE(std::filesystem::exists(rootfs()));
  }

  std::filesystem::path rootfs() const { return directory_.path() / "rootfs.ext4"; }

  TempDir directory_;
};

TEST_F(RootfsTarBuilderTest, SaysWhatTheRootFileSystemIs) {
  const std::string tar =
      TarBuilder()
          .Symlink("bin", "usr/bin")
          .File("usr/bin/dash", Elf(), 0755)
          .Symlink("usr/bin/sh", "dash")
          .Symlink("etc/os-release", "../usr/lib/os-release")
          .File("usr/lib/os-release", "NAME=x\nPRETTY_NAME=\"Test \\\"Linux\\\" 12\"\nID=test\n")
          .Build();
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built, Build(tar));

  EXPECT_EQ(built.os, "Test \"Linux\" 12");
  EXPECT_EQ(built.arch, "x86_64");
  EXPECT_EQ(built.size_bytes, 1 << 30);
  EXPECT_OK(CheckExt4(rootfs()));
}

TEST_F(RootfsTarBuilderTest, KeepsMetadata) {
  TarBuilder tar;
  tar.Pax("SCHILY.xattr.security.capability", "caps").Pax("mtime", "1700000000.123456789");
  tar.Add({.path = "su", .content = "x", .mode = 04755, .uid = 1000, .gid = 42});
  tar.Add({.path = "null", .type = '3', .mode = 0666, .device_major = 1, .device_minor = 3});
  tar.Add({.path = "pipe", .type = '6', .mode = 0600});
  const Ext4Inspector fs = BuildAndCheck(tar);

  ASSERT_OK_AND_ASSIGN(const Ext4Stat su, fs.Stat("/su"));
  EXPECT_EQ(su.mode, S_IFREG | 04755u);
  EXPECT_EQ(su.uid, 1000u);
  EXPECT_EQ(su.gid, 42u);
  EXPECT_EQ(su.mtime_seconds, 1700000000);
  EXPECT_EQ(su.mtime_nanoseconds, 123456789u);
  EXPECT_EQ((*fs.Xattrs("/su"))["security.capability"], "caps");
  EXPECT_EQ(fs.Stat("/null")->mode, S_IFCHR | 0666u);
  EXPECT_EQ(fs.Stat("/pipe")->mode, S_IFIFO | 0600u);
}

TEST_F(RootfsTarBuilderTest, AddsTheMountPointsAndKeepsThoseThatAreThere) {
  TarBuilder tar;
  tar.Add({.path = "tmp", .type = '5', .mode = 0700});
  const Ext4Inspector fs = BuildAndCheck(tar);

  for (const char* const path : {"/proc", "/sys", "/dev", "/run", "/root"}) EXPECT_OK(fs.Stat(path));
  EXPECT_EQ(fs.Stat("/tmp")->mode, S_IFDIR | 0700u);
}

TEST_F(RootfsTarBuilderTest, TakesTheLastOfDuplicateMembers) {
  TarBuilder tar;
  tar.File("a", "first").File("a", "second").Directory("b").File("b/x", "x").File("b", "now a file");
  tar.File("c", "file").Directory("c").File("c/y", "y");
  const Ext4Inspector fs = BuildAndCheck(tar);

  EXPECT_THAT(fs.ReadFile("/a"), IsOkAndHolds("second"));
  EXPECT_THAT(fs.ReadFile("/b"), IsOkAndHolds("now a file"));
  EXPECT_THAT(fs.ReadFile("/c/y"), IsOkAndHolds("y"));
}

TEST_F(RootfsTarBuilderTest, FollowsSymlinkedParentsInsideTheRoot) {
  TarBuilder tar;
  tar.Symlink("out", "../../../../out-there").File("out/file", "inside");
  tar.Symlink("abs", "/deep/er").File("abs/file", "also inside");
  const Ext4Inspector fs = BuildAndCheck(tar);

  EXPECT_THAT(fs.ReadFile("/out-there/file"), IsOkAndHolds("inside"));
  EXPECT_THAT(fs.ReadFile("/deep/er/file"), IsOkAndHolds("also inside"));
  EXPECT_THAT(fs.ReadLink("/out"), IsOkAndHolds("../../../../out-there"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path().parent_path() / "out-there"));
}

TEST_F(RootfsTarBuilderTest, ReplacesASymlinkInsteadOfWritingThroughIt) {
  TarBuilder tar;
  tar.File("etc/passwd", "root").Symlink("evil", "etc/passwd").File("evil", "mine");
  const Ext4Inspector fs = BuildAndCheck(tar);

  EXPECT_THAT(fs.ReadFile("/etc/passwd"), IsOkAndHolds("root"));
  EXPECT_THAT(fs.ReadFile("/evil"), IsOkAndHolds("mine"));
}

TEST_F(RootfsTarBuilderTest, LinksHardLinksToTheirFile) {
  TarBuilder tar;
  tar.File("a", "same").Add({.path = "d/b", .type = '1', .link_target = "./a"});
  tar.Add({.path = "a", .type = '1', .link_target = "a"});
  const Ext4Inspector fs = BuildAndCheck(tar);

  EXPECT_EQ(fs.Stat("/a")->number, fs.Stat("/d/b")->number);
  EXPECT_EQ(fs.Stat("/a")->links, 2u);
}

TEST_F(RootfsTarBuilderTest, KeepsNamesThatAreNotUtf8) {
  TarBuilder tar;
  tar.File("caf\xe9", "latin").File("caf\xc3\xa9", "utf");
  const Ext4Inspector fs = BuildAndCheck(tar);

  EXPECT_THAT(fs.ReadFile("/caf\xe9"), IsOkAndHolds("latin"));
  EXPECT_THAT(fs.ReadFile("/caf\xc3\xa9"), IsOkAndHolds("utf"));
}

TEST_F(RootfsTarBuilderTest, RefusesNamesThatLeaveTheRoot) {
  TarBuilder dots, absolute, nested;
  ExpectRefused(dots.File("../evil", "x"), "../evil");
  ExpectRefused(absolute.File("/etc/evil", "x"), "/etc/evil");
  ExpectRefused(nested.File("a/../../evil", "x"), "a/../../evil");
}

TEST_F(RootfsTarBuilderTest, RefusesHardLinksToWhatIsNotThere) {
  TarBuilder outside, missing, directory;
  ExpectRefused(outside.Add({.path = "evil", .type = '1', .link_target = "../../etc/shadow"}), "evil");
  ExpectRefused(missing.Add({.path = "lonely", .type = '1', .link_target = "nobody"}), "lonely");
  ExpectRefused(directory.Directory("d").Add({.path = "dlink", .type = '1', .link_target = "d"}), "dlink");
}

TEST_F(RootfsTarBuilderTest, RefusesAHardLinkInPlaceOfTheDirectoryOfItsTarget) {
  TarBuilder only, elsewhere;
  ExpectRefused(only.File("d/f", "x").Add({.path = "d", .type = '1', .link_target = "d/f"}), "d");
  elsewhere.File("d/f", "x").Add({.path = "kept", .type = '1', .link_target = "d/f"});
  elsewhere.Add({.path = "d", .type = '1', .link_target = "d/f"});
  ExpectRefused(elsewhere, "d");
}

TEST_F(RootfsTarBuilderTest, RefusesAParentThatIsNoDirectory) {
  TarBuilder file, loop;
  ExpectRefused(file.File("f", "x").File("f/below", "x"), "f/below");
  ExpectRefused(loop.Symlink("l", "m").Symlink("m", "l").File("l/below", "x"), "l/below");
}

TEST_F(RootfsTarBuilderTest, RefusesPathsThatAreTooDeepOrTooLong) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "d/";
  TarBuilder nested, component;
  ExpectRefused(nested.File(deep + "f", "x"), "d/d/d/");
  ExpectRefused(component.File(std::string(300, 'n'), "x"), "nnn");
}

TEST_F(RootfsTarBuilderTest, NestsDeeperThanAnyPathThroughSymlinks) {
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "d/";
  TarBuilder tar;
  tar.Symlink("l1", deep).Symlink("l2", "l1/" + deep).Symlink("l3", "l2/" + deep);
  const Ext4Inspector fs = BuildAndCheck(tar.File("l3/" + deep + "f", "8000 levels down"));
  EXPECT_THAT(fs.List("/"), IsOkAndHolds(::testing::Contains("d")));
}

// The old GNU format keeps the map in the header itself.
std::string WithGnuSparseMap(const std::vector<std::pair<int, int>>& map) {
  std::string tar = TarBuilder().Add({.path = "f", .type = 'S', .content = std::string(40, 'x')}).Build();
  constexpr std::size_t kMagic = 257, kMap = 386, kRealSize = 483, kSum = 148;
  tar.replace(kMagic, 8, std::string("ustar  \0", 8));
  const auto number = [&tar](std::size_t at, int value) {
    tar.replace(at, 12, absl::StrFormat("%011o ", value));
  };
  for (std::size_t i = 0; i < map.size(); ++i) {
    number(kMap + 24 * i, map[i].first);
    number(kMap + 24 * i + 12, map[i].second);
  }
  number(kRealSize, 100);
  tar.replace(kSum, 8, 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[i]);
  tar.replace(kSum, 7, absl::StrFormat("%06o", sum) + std::string(1, '\0'));
  return tar;
}

TEST_F(RootfsTarBuilderTest, RefusesSparseMapsThatOverlapInEveryFormat) {
  TarBuilder pax00, pax10;
  pax00.Pax("GNU.sparse.size", "100").Pax("GNU.sparse.numblocks", "2");
  pax00.Pax("GNU.sparse.offset", "10").Pax("GNU.sparse.numbytes", "20");
  pax00.Pax("GNU.sparse.offset", "5").Pax("GNU.sparse.numbytes", "20");
  pax10.Pax("GNU.sparse.major", "1").Pax("GNU.sparse.minor", "0").Pax("GNU.sparse.realsize", "100");
  std::string map = "2\n10\n20\n5\n20\n";
  map.resize(512);
  for (const std::string& tar :
       {pax00.File("f", std::string(40, 'x')).Build(), pax10.File("f", map + std::string(40, 'x')).Build(),
        WithGnuSparseMap({{10, 20}, {5, 20}})}) {
    const absl::Status status = Build(tar).status();
    EXPECT_EQ(ErrorReason(status), "IMAGE_CORRUPT") << status;
    EXPECT_FALSE(std::filesystem::exists(rootfs()));
  }
  // The helper makes what would be read.
  TarBuilder shell;
  const std::string sound = WithGnuSparseMap({{10, 20}, {40, 20}});
  const std::string program = shell.File("bin/sh", Elf(), 0755).Build();
  ASSERT_OK(Build(program.substr(0, 1024) + sound));
  EXPECT_EQ(Ext4Inspector::Open(rootfs())->Stat("/f")->size, 100);
}

TEST_F(RootfsTarBuilderTest, RefusesHeadersThatLie) {
  TarBuilder overlap, negative, huge, nul;
  overlap.Pax("GNU.sparse.size", "100").Pax("GNU.sparse.numblocks", "2").Pax("GNU.sparse.map", "10,20,5,20");
  negative.Pax("size", "-1");
  huge.Pax("comment", std::string(64 << 20, 'x'));
  nul.Pax("path", std::string("etc\0/../../evil", 15));
  for (TarBuilder* tar : {&overlap, &negative, &huge}) {
    const absl::Status status = Build(tar->File("f", std::string(40, 'x')).Build()).status();
    EXPECT_EQ(ErrorReason(status), "IMAGE_CORRUPT") << status;
    EXPECT_FALSE(std::filesystem::exists(rootfs()));
  }
  // The name ends at the NUL, as it does for tar.
  EXPECT_THAT(BuildAndCheck(nul.File("f", "x")).ReadFile("/etc"), IsOkAndHolds("x"));
}

TEST_F(RootfsTarBuilderTest, AHardLinkToASymlinkIsTheSymlinkAndStaysIt) {
  TarBuilder tar;
  tar.Symlink("link", "/outside").Add({.path = "hard", .type = '1', .link_target = "link"});
  tar.File("link", "a file now");
  const Ext4Inspector fs = BuildAndCheck(tar);
  EXPECT_THAT(fs.ReadLink("/hard"), IsOkAndHolds("/outside"));
  EXPECT_THAT(fs.ReadFile("/link"), IsOkAndHolds("a file now"));
}

TEST_F(RootfsTarBuilderTest, KeepsFilesOfMoreThan4GiBAndTheirHoles) {
  TarBuilder tar;
  const std::string end = "the end";
  const std::int64_t size = std::int64_t{5} << 30;
  tar.Pax("GNU.sparse.size", absl::StrCat(size)).Pax("GNU.sparse.numblocks", "1");
  tar.Pax("GNU.sparse.map", absl::StrCat(size - 7, ",7")).File("big", end);
  const Ext4Inspector fs = BuildAndCheck(tar);
  ASSERT_OK_AND_ASSIGN(const Ext4Stat stat, fs.Stat("/big"));
  EXPECT_EQ(stat.size, size);
  EXPECT_LE(stat.disk_bytes, 8192);
}

TEST_F(RootfsTarBuilderTest, RefusesOwnersThatCannotBe) {
  TarBuilder tar;
  tar.Pax("uid", "999999999999").File("whose", "x");
  ExpectRefused(tar, "whose");
}

TEST_F(RootfsTarBuilderTest, RefusesMoreThanItsLimits) {
  const std::string tar = TarBuilder().File("bin/sh", Elf(), 0755).File("a", std::string(1000, 'a')).Build();
  EXPECT_EQ(ErrorReason(Build(tar, 0, {.max_entries = 1}).status()), "ARCHIVE_REFUSED");
  EXPECT_EQ(ErrorReason(Build(tar, 0, {.max_bytes = 999}).status()), "ARCHIVE_REFUSED");
  EXPECT_FALSE(std::filesystem::exists(rootfs()));
}

TEST_F(RootfsTarBuilderTest, RefusesATarThatIsNoRootFileSystem) {
  const absl::Status status = Build(TarBuilder().File("README", "hello").Build()).status();
  EXPECT_EQ(ErrorReason(status), "ARCHIVE_REFUSED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("/bin/sh"));
  EXPECT_THAT(Build(TarBuilder().File("oci-layout", "{}").Build()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("OCI image layout")));
  EXPECT_FALSE(std::filesystem::exists(rootfs()));
}

TEST_F(RootfsTarBuilderTest, SaysThatADamagedTarIsDamaged) {
  const std::string tar = TarBuilder().File("bin/sh", std::string(100000, 'x'), 0755).Build();
  EXPECT_EQ(ErrorReason(Build(tar.substr(0, 50000)).status()), "IMAGE_CORRUPT");
  EXPECT_EQ(ErrorReason(Build("this is no tar at all").status()), "IMAGE_CORRUPT");
  EXPECT_FALSE(std::filesystem::exists(rootfs()));
}

TEST_F(RootfsTarBuilderTest, SaysThatTheWantedSizeIsTooSmall) {
  const std::string tar = TarBuilder().File("bin/sh", std::string(8 << 20, 'x'), 0755).Build();
  const absl::Status status = Build(tar, 4 << 20).status();
  EXPECT_EQ(ErrorReason(status), "REQUEST_INVALID");
  EXPECT_FALSE(std::filesystem::exists(rootfs()));
}

TEST_F(RootfsTarBuilderTest, TakesTarsAsTarWritesThem) {
  // Hard links, a sparse file, long names and odd modes, through the real tar.
  const std::string script =
      "cd \"$0\" && mkdir -p r/bin r/d && cd r && printf x > bin/sh && chmod 6755 bin/sh && ln bin/sh d/hard "
      "&&"
      " truncate -s 50M d/sparse && printf end >> d/sparse &&"
      " touch d/$(printf 'n%.0s' $(seq 200)) && touch -d @1600000000.5 d &&"
      " tar --sparse --format=posix -cf - . | zstd -q > ../t.tar.zst";
  ASSERT_OK(RunCommandOk({.argv = {"sh", "-ec", script, directory_.path().string()}}));
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(directory_.path() / "t.tar.zst", O_RDONLY));
  FdSource source(fd.get());
  ASSERT_OK(RootfsTarBuilder(source).Build(rootfs(), 0, {}));
  ASSERT_OK(CheckExt4(rootfs()));
  ASSERT_OK_AND_ASSIGN(const Ext4Inspector fs, Ext4Inspector::Open(rootfs()));

  EXPECT_EQ(fs.Stat("/bin/sh")->mode, S_IFREG | 06755u);
  EXPECT_EQ(fs.Stat("/d/hard")->links, 2u);
  EXPECT_EQ(fs.Stat("/d/sparse")->size, (50 << 20) + 3);
  EXPECT_LT(fs.Stat("/d/sparse")->disk_bytes, 1 << 20);
  EXPECT_EQ(fs.ReadFile("/d/sparse")->substr(50 << 20), "end");
  EXPECT_EQ(fs.Stat("/d")->mtime_seconds, 1600000000);
  EXPECT_EQ(fs.Stat("/d")->mtime_nanoseconds, 500000000u);
  EXPECT_OK(fs.Stat("/d/" + std::string(200, 'n')));
}

}  // namespace
}  // namespace banger::imaged
