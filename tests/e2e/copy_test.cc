// `vm cp` both ways with a real guest.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class CopyTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() {
    synced_ = new TempDir(*TempDir::Create());
    ASSERT_OK(WriteFileAtomically(synced_->path() / "file", "first"));
    StartInstance({.config = absl::StrCat("[[file_sync]]\nhost = \"", (synced_->path() / "file").string(),
                                          "\"\nguest = \"~/.config/tool/file\"\n[[file_sync]]\nhost = "
                                          "\"/none\"\nguest = \"/none\"\n")},
                  {TestedImage("minbase")});
    ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", TestedImage("minbase")}).status.code, 0);
  }
  static void TearDownTestSuite() {
    SharedInstanceTest::TearDownTestSuite();
    delete synced_;
  }

  static void Copy(const std::string& from, const std::string& to) {
    const CommandResult result = Run({"vm", "cp", from, to});
    EXPECT_EQ(result.status.code, 0) << result.err;
  }
  static std::string Exec(const std::string& script) { return SharedInstanceTest::Exec("box", script); }
  std::string Here(const std::string& name) const { return (here_->path() / name).string(); }

  static TempDir* synced_;
  const absl::StatusOr<TempDir> here_ = TempDir::Create();
};

TempDir* CopyTest::synced_ = nullptr;

// Everything that a tree has, one line each: the same program here and there.
constexpr char kDescribe[] =
    "cd \"$0\" && find . ! -type d | LC_ALL=C sort | while read f; do"
    " stat -c '%n %a %s %Y %h' \"$f\"; readlink \"$f\" || sha256sum < \"$f\"; done;"
    " find . -type d | LC_ALL=C sort | xargs stat -c '%n %a %Y'";

std::string DescribeHere(const std::string& path) {
  const auto described = RunCommand({.argv = {"sh", "-c", kDescribe, path}});
  return described.ok() ? described->out + described->err : std::string(described.status().message());
}
std::string Describe(const CommandResult& result) { return result.out + result.err; }

TEST_F(CopyTest, ATreeIsTheSameAfterTheWayInAndOut) {
  std::mt19937 random(1);
  std::string binary(3'000'000, '\0');
  for (char& byte : binary) byte = static_cast<char>(random());
  ASSERT_OK(MakeDirectories(here_->path() / "tree/sub/empty", 0755));
  ASSERT_OK(WriteFileAtomically(here_->path() / "tree/binary", binary, 0640));
  ASSERT_OK(WriteFileAtomically(here_->path() / "tree/sub/tool", "#!/bin/sh\necho ran\n", 0755));
  ASSERT_OK(WriteFileAtomically(here_->path() / "tree/sub/a b\xc3\xa9", "", 0400));
  fs::create_symlink("sub/tool", here_->path() / "tree/link");
  fs::create_symlink("/nowhere", here_->path() / "tree/broken");
  fs::create_hard_link(here_->path() / "tree/binary", here_->path() / "tree/sub/second");
  fs::permissions(here_->path() / "tree/sub", fs::perms(0750));

  Copy(Here("tree"), "box:/srv/copy");
  const std::string expected = DescribeHere(Here("tree"));
  EXPECT_EQ(Describe(Run({"vm", "exec", "box", "--", "sh", "-c", kDescribe, "/srv/copy"})), expected);
  EXPECT_EQ(Exec("/srv/copy/link; stat -c %U /srv/copy/binary"), "ran\nroot\n");
  Copy("box:/srv/copy", Here("back"));
  EXPECT_EQ(DescribeHere(Here("back")), expected);
  EXPECT_EQ(Exec("find / -xdev -name '.banger-*' ! -name .banger-machine-id"), "");
}

TEST_F(CopyTest, AGigabyteOfHolesIsQuickAndStaysOne) {
  constexpr std::int64_t kSize = std::int64_t{1} << 30;
  {
    const UniqueFd fd = *OpenFile(Here("sparse"), O_WRONLY | O_CREAT, 0644);
    ASSERT_EQ(::ftruncate(fd.get(), kSize), 0);
    ASSERT_EQ(::pwrite(fd.get(), "middle", 6, kSize / 2), 6);
  }
  Copy(Here("sparse"), "box:");
  EXPECT_EQ(Exec("stat -c %s /root/sparse; test $(stat -c %b /root/sparse) -lt 1000 && echo sparse;"
                 " dd if=/root/sparse bs=1 skip=536870912 count=6 2>/dev/null"),
            "1073741824\nsparse\nmiddle");
  Copy("box:sparse", Here("back"));
  struct stat info {};
  ASSERT_EQ(::stat(Here("back").c_str(), &info), 0);
  EXPECT_EQ(info.st_size, kSize);
  EXPECT_LT(info.st_blocks, 1000);
  Exec("rm /root/sparse");
}

TEST_F(CopyTest, LinksAreResolvedInTheGuest) {
  Exec("ln -s /etc /root/config; ln -s /srv/place /root/in; mkdir -p /srv/place");
  Copy("box:config/hostname", Here("hostname"));
  EXPECT_THAT(ReadFile(Here("hostname")), IsOkAndHolds("box\n"));
  Copy(Here("hostname"), "box:in");
  EXPECT_EQ(Exec("cat /srv/place/hostname"), "box\n");
}

TEST_F(CopyTest, TarsPassThroughPipes) {
  const CommandResult out = Run({"vm", "cp", "box:/etc/apt", "-"});
  EXPECT_EQ(out.status.code, 0) << out.err;
  EXPECT_THAT(RunCommand({.argv = {"tar", "-t"}}, out.out)->out, HasSubstr("apt/sources.list"));
  EXPECT_EQ(Run({"vm", "cp", "-", "box:/srv/piped"}, out.out).status.code, 0);
  EXPECT_EQ(Exec("diff -r /etc/apt /srv/piped/apt && echo same"), "same\n");
}

TEST_F(CopyTest, WhatGoesWrongIsNamed) {
  EXPECT_THAT(Run({"vm", "cp", "box:/none", Here("x")}).err, HasSubstr("/none'"));
  EXPECT_FALSE(fs::exists(Here("x")));
  ASSERT_OK(WriteFileAtomically(here_->path() / "x", "x"));
  EXPECT_THAT(Run({"vm", "cp", Here("x"), "box:/none/deep/x"}).err, HasSubstr("no directory '/none/deep'"));
  EXPECT_THAT(Run({"vm", "cp", Here("x"), "nobox:/x"}).err, HasSubstr("'nobox' not found"));
  // The guest's own disk is full: what was there before stays.
  Exec("mkdir -p /mnt/small; mount -t tmpfs -o size=1m none /mnt/small; echo old > /mnt/small/big");
  ASSERT_OK(WriteFileAtomically(here_->path() / "big", std::string(4 << 20, 'b')));
  const CommandResult full = Run({"vm", "cp", Here("big"), "box:/mnt/small/big"});
  EXPECT_EQ(full.status.code, 1);
  EXPECT_THAT(full.err, HasSubstr("No space left"));
  EXPECT_EQ(Exec("ls -A /mnt/small; cat /mnt/small/big"), "big\nold\n");
}

TEST_F(CopyTest, SyncedFilesAreThereAfterEachStart) {
  EXPECT_EQ(Exec("cat /root/.config/tool/file; stat -c %a /root/.config/tool/file"), "first600\n");
  ASSERT_OK(WriteFileAtomically(synced_->path() / "file", "second"));
  const CommandResult restarted = Run({"vm", "restart", "box"});
  ASSERT_EQ(restarted.status.code, 0) << restarted.err;
  EXPECT_THAT(restarted.err, HasSubstr("file_sync leaves out '/none'"));
  EXPECT_EQ(Exec("cat /root/.config/tool/file"), "second");
}

TEST_F(CopyTest, PortsShowWhoListens) {
  auto server = instance_->StartBanger({"vm", "exec", "box", "--", "perl", "-MIO::Socket::INET", "-e",
                                        "my $s = IO::Socket::INET->new(Listen => 1, LocalPort => 8080, "
                                        "LocalAddr => '127.0.0.1') or die; sleep 600"});
  ASSERT_OK(server);
  EXPECT_TRUE(Eventually([] {
    return ::testing::Matches(::testing::ContainsRegex("box +tcp +127.0.0.1:8080 +perl \\([0-9]+\\)"))(
        Run({"vm", "ports", "box"}).out);
  })) << Run({"vm", "ports", "box"}).out;
}

TEST_F(CopyTest, AGuestThatIsKilledEndsItAndLeavesNoHalfFile) {
  Exec("head -c 300000000 /dev/zero | tr '\\0' x > /root/big");
  auto copy = instance_->StartBanger({"vm", "cp", "box:big", Here("big")});
  ASSERT_OK(copy);
  ASSERT_TRUE(Eventually([&] { return !fs::is_empty(here_->path()); }));
  ASSERT_EQ(Run({"vm", "kill", "box"}).status.code, 0);
  EXPECT_NE(copy->Wait()->code, 0);
  EXPECT_TRUE(fs::is_empty(here_->path()));
  ASSERT_EQ(Run({"vm", "start", "box"}).status.code, 0);
}

}  // namespace
}  // namespace banger::e2e
