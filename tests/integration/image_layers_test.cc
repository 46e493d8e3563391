// Our ext4 of an image, mounted by the kernel, against what umoci unpacks of the
// same image: every path's metadata, xattrs, links and content.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/archive/byte_source.h"
#include "common/archive/tar_builder.h"
#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/oci_layout_builder.h"
#include "tests/integration/host_tree.h"

namespace banger {
namespace {

namespace fs = std::filesystem;

// A tree with all that a tar can hold.
constexpr char kMakeTree[] = R"sh(
mkdir -p bin etc dev usr/lib usr/share/doc opt/kept/sub opt/hidden opt/opaque/sub var/tmp real sp
for d in proc sys run tmp root; do mkdir $d; done
printf '#!x' > bin/sh; chmod 4755 bin/sh; printf y > bin/setgid; chmod 2750 bin/setgid
printf cap > bin/ping; printf attr > etc/attr; printf acl > etc/acl; chown 12345:54321 etc/attr
chown 4000000000:3000000000 etc/acl; chmod 1777 var/tmp tmp; chmod 0 opt/hidden
printf h > usr/lib/hard1; ln usr/lib/hard1 usr/lib/hard2; ln usr/lib/hard1 opt/hard3
ln -s ../real usr/link; ln -s /real abs; ln -s nowhere/at/all dangling
ln -s "$(printf 'x%.0s' $(seq 300))" longlink
mknod dev/null c 1 3; mknod dev/big b 259 70000; mkfifo dev/fifo
printf lower > opt/kept/file; printf lower > opt/hidden/file; printf lower > opt/opaque/file
printf lower > opt/opaque/sub/file; printf f > sp/file_to_dir; mkdir sp/dir_to_file; printf d > sp/dir_to_file/x
ln -s file_to_dir sp/link_to_dir; printf gone > etc/gone; printf s > real/under
printf long > usr/share/doc/$(printf 'n%.0s' $(seq 255))
mkdir -p usr/share/doc/$(printf 'p%.0s' $(seq 200))/$(printf 'q%.0s' $(seq 200))
printf deep > $(echo usr/share/doc/p*/q*)/file
printf 1 > 'etc/name with blanks'; printf 2 > "$(printf 'etc/new\nline')"; printf 3 > "$(printf 'etc/latin-\344')"
printf 4 > etc/ünïcödé; printf 5 > 'etc/-dash'; printf 6 > 'etc/back\slash"quote'
truncate -s 3M sp/hole; printf a | dd of=sp/middle bs=1 seek=1000000 conv=notrunc status=none
truncate -s 2M sp/middle; printf b | dd of=sp/end bs=1 seek=1999999 status=none; : > sp/empty
head -c 5000000 /dev/urandom > usr/lib/random
find . -depth -exec touch -h -d '2001-02-03 04:05:06.123456789Z' {} +
touch -d '1960-01-02 03:04:05.5Z' etc/attr; touch -d '2100-01-02 03:04:05.000000001Z' etc/acl
)sh";

class ImageLayersTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    // What is mounted here is nobody else's, and goes with this process.
    if (::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0)
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  }

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "NOT RUN: owners, devices and mounts need root";
    // On a disk: umoci expands sparse files, and tmpfs has no user xattrs.
    ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create("/var/tmp"));
    ASSERT_OK(Sh("umoci init --layout img && umoci new --image img:t"));
  }

  absl::Status Sh(const std::string& script, const std::string& below = "") {
    return RunCommandOk(
               {.argv = {"sh", "-euc", absl::StrCat("cd \"$0\"\n", script), (dir() / below).string()}})
        .status();
  }

  // The next layer out of a tar in a file or in memory.
  void AddLayer(const fs::path& tar) {
    ASSERT_OK(Sh(absl::StrCat("umoci raw add-layer --image img:t --tag t '", tar.string(), "'")));
  }
  void AddLayer(const TarBuilder& tar) {
    ASSERT_OK(WriteFileAtomically(dir() / "layer.tar", tar.Build()));
    AddLayer(dir() / "layer.tar");
  }
  void AddTree(const std::string& tree, const std::string& flags) {
    ASSERT_OK(Sh(absl::StrCat("tar -C ", tree, " --numeric-owner --sort=name ", flags, " -cf layer.tar .")));
    AddLayer(dir() / "layer.tar");
  }

  void ExpectTheSameAsUmoci() {
    ASSERT_OK(Sh("umoci unpack --image img:t bundle && tar -C img -cf layout.tar . && mkdir mounted"));
    ASSERT_OK_AND_ASSIGN(const UniqueFd tar, OpenFile(dir() / "layout.tar", O_RDONLY));
    FdSource source(tar.get());
    ASSERT_OK(imaged::OciLayoutBuilder(source, "t", "x86_64").Build(dir() / "ours.ext4", 0, {}));
    ASSERT_OK(CheckExt4(dir() / "ours.ext4"));
    ASSERT_OK(Sh("mount -o loop,ro ours.ext4 mounted"));
    absl::StatusOr<std::map<std::string, std::string>> ours = DescribeTree(dir() / "mounted");
    EXPECT_OK(Sh("umount mounted"));
    ASSERT_OK(ours);
    ours->erase("lost+found");
    ASSERT_OK_AND_ASSIGN(const auto theirs, DescribeTree(dir() / "bundle" / "rootfs"));
    EXPECT_GT(theirs.size(), 10u);
    for (const auto& [path, line] : theirs) {
      const auto it = ours->find(path);
      EXPECT_EQ(it == ours->end() ? "missing" : it->second, line) << absl::CEscape(path);
    }
    for (const auto& [path, line] : *ours)
      EXPECT_TRUE(theirs.contains(path)) << absl::CEscape(path) << " is ours alone: " << line;
  }

  fs::path dir() const { return directory_.path(); }

  TempDir directory_;
};

void SetXattr(const fs::path& path, const char* name, const std::string& value) {
  ASSERT_EQ(::lsetxattr(path.c_str(), name, value.data(), value.size(), 0), 0) << name;
}

TEST_F(ImageLayersTest, EveryPathIsAsUmociUnpacksIt) {
  ASSERT_OK(Sh("mkdir tree"));
  ASSERT_OK(Sh(kMakeTree, "tree"));
  const fs::path tree = dir() / "tree";
  SetXattr(tree / "bin" / "ping", "security.capability",
           absl::HexStringToBytes("0100000200200000000000000000000000000000"));
  SetXattr(tree / "etc" / "attr", "user.long", std::string(1500, 'v'));
  SetXattr(tree / "usr", "trusted.x", std::string("a\0b", 3));
  AddTree("tree", "--format=pax --xattrs --xattrs-include='*'");

  const std::string acl = absl::HexStringToBytes(
      "0200000001000600ffffffff020005002100000004000400ffffffff10000700ffffffff20000000ffffffff");
  TarBuilder second;
  second.File("etc/.wh.gone", "").File("opt/.wh.hidden", "").File("opt/opaque/new", "upper");
  second.File("opt/opaque/.wh..wh..opq", "").File("opt/opaque/late", "upper");
  second.File("sp/dir_to_file", "now a file").Directory("sp/file_to_dir").File("sp/file_to_dir/y", "y");
  second.Directory("sp/link_to_dir").File("sp/link_to_dir/z", "z");
  second.Add({.path = "sp/crosslink", .type = '1', .link_target = "usr/lib/hard1"});
  second.File("usr/link/through_relative", "1").File("abs/through_absolute", "2");
  second.File("etc/acl", "changed").Pax("SCHILY.xattr.system.posix_acl_access", acl);
  second.File("etc/with_acl", "x", 0670).Pax("mtime", "1234567890.987654321").File("etc/later", "x");
  second.Add({.path = "opt/kept", .type = '5', .mode = 0700, .uid = 7, .gid = 8, .mtime = 99});
  AddLayer(second);

  // umoci's own repack makes such a whiteout when a directory became a file.
  TarBuilder third;
  third.File("sp/dir_to_file/.wh.x", "").File("opt/kept/.wh.file", "").File("opt/kept/file", "again");
  third.File("usr/lib/.wh.hard1", "").Add({.path = "opt/hard4", .type = '1', .link_target = "opt/hard3"});
  AddLayer(third);
  ExpectTheSameAsUmoci();
}

// umoci knows only those of pax.
TEST_F(ImageLayersTest, SparseFilesOfEveryPaxFormatAreTheSame) {
  ASSERT_OK(
      Sh("for f in pax0 pax01 pax1; do mkdir -p t_$f/$f; cd t_$f/$f;"
         "  truncate -s 1M hole; truncate -s 3000001 mix; printf begin | dd of=mix conv=notrunc status=none;"
         "  for i in $(seq 40); do printf $f$i | dd of=mix bs=1 seek=$((i * 70001)) conv=notrunc status=none;"
         "  done; printf tail | dd of=mix bs=1 seek=2999990 conv=notrunc status=none; cd ../..; done;"
         "mkdir base; cd base; for d in bin proc sys dev run tmp root; do mkdir -m 755 $d; done; echo x > "
         "bin/sh;"
         "chmod 700 root; chmod 555 proc sys; chmod 1777 tmp"));
  AddTree("base", "--format=pax");
  AddTree("t_pax0", "--format=pax --sparse --sparse-version=0.0");
  AddTree("t_pax01", "--format=pax --sparse --sparse-version=0.1");
  AddTree("t_pax1", "--format=pax --sparse --sparse-version=1.0");
  ExpectTheSameAsUmoci();
}

TEST_F(ImageLayersTest, DebianIsTheSame) {
  const char* const assets = std::getenv("BANGER_TEST_ASSETS");
  if (assets == nullptr) GTEST_SKIP() << "NOT RUN: BANGER_TEST_ASSETS is not set";
  AddLayer(fs::path(assets) / "minbase.tar");
  TarBuilder upper;
  upper.File("usr/share/doc/.wh..wh..opq", "").File("etc/.wh.debian_version", "").File("bin/new", "x", 0755);
  AddLayer(upper);
  ExpectTheSameAsUmoci();
}

}  // namespace
}  // namespace banger
