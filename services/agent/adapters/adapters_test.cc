#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "services/agent/adapters/copy_tree.h"
#include "services/agent/adapters/disks.h"
#include "services/agent/adapters/guest_setup.h"
#include "services/agent/adapters/identity.h"
#include "services/agent/adapters/image_finaliser.h"
#include "services/agent/adapters/in_root.h"

namespace banger::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class AdaptersTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }

  void Write(const std::string& path, const std::string& content, unsigned mode = 0644) {
    ASSERT_OK(MakeDirectories((dir_.path() / path).parent_path(), 0755));
    ASSERT_OK(WriteFileAtomically(dir_.path() / path, content, mode));
  }
  std::string Read(const std::string& path) {
    const auto content = ReadFile(dir_.path() / path);
    return content.ok() ? *content : "(" + std::string(content.status().message()) + ")";
  }
  unsigned Mode(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat((dir_.path() / path).c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  fs::path Link(const std::string& path) {
    std::error_code error;
    return fs::read_symlink(dir_.path() / path, error);
  }

  void InstallSystemd() {
    Write("usr/lib/systemd/systemd", "", 0755);
    fs::create_symlink("usr/lib", dir_.path() / "lib");
    ASSERT_OK(MakeDirectories(dir_.path() / "sbin"));
    fs::create_symlink("/lib/systemd/systemd", dir_.path() / "sbin/init");
  }

  TempDir dir_;
};

TEST_F(AdaptersTest, DisksAreKnownByTheirSerials) {
  Write("vda/serial", "banger-work\n");
  Write("vdb/serial", "banger-agent\n");
  Write("vdc/serial", "banger-image\n");
  Write("vdd/serial", "banger-upper\n");
  Write("sda/serial", "banger-upper\n");
  ASSERT_OK_AND_ASSIGN(const Disks disks, FindDisks(dir_.path()));
  EXPECT_EQ(disks.image, "/dev/vdc");
  EXPECT_EQ(disks.upper, "/dev/vdd");
  EXPECT_EQ(disks.work, "/dev/vda");
}

TEST_F(AdaptersTest, DisksWithoutSerialsAreKnownByTheirPlace) {
  for (const char* disk : {"vda", "vdb", "vdc", "vdd"}) Write(std::string(disk) + "/serial", "");
  ASSERT_OK_AND_ASSIGN(const Disks disks, FindDisks(dir_.path()));
  EXPECT_EQ(disks.image, "/dev/vdb");
  EXPECT_EQ(disks.upper, "/dev/vdc");
  EXPECT_EQ(disks.work, "/dev/vdd");
}

TEST_F(AdaptersTest, CopiesKeepModesLinksTimesAndAttributes) {
  Write("from/.profile", "x", 0640);
  Write("from/bin/tool", "y", 04755);
  ASSERT_EQ(::symlink("/etc/none", (dir_.path() / "from/link").c_str()), 0);
  ASSERT_EQ(::mkfifo((dir_.path() / "from/fifo").c_str(), 0600), 0);
  ASSERT_EQ(::chmod((dir_.path() / "from/bin").c_str(), 0711), 0);
  const timespec old[] = {{1000, 0}, {2000, 5}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (dir_.path() / "from/bin").c_str(), old, 0), 0);
  ASSERT_OK(MakeDirectories(dir_.path() / "to"));
  ASSERT_OK(CopyTree(dir_.path() / "from", dir_.path() / "to"));

  EXPECT_EQ(Read("to/.profile"), "x");
  EXPECT_EQ(Mode("to/.profile"), 0640U);
  EXPECT_EQ(Mode("to/bin/tool"), 04755U);
  EXPECT_EQ(Mode("to/bin"), 0711U);
  EXPECT_EQ(Link("to/link"), "/etc/none");
  EXPECT_FALSE(fs::exists(dir_.path() / "to/fifo"));
  struct stat info {};
  ASSERT_EQ(::stat((dir_.path() / "to/bin").c_str(), &info), 0);
  EXPECT_EQ(info.st_mtim.tv_sec, 2000);
}

TEST_F(AdaptersTest, AnImageWithoutSystemdGetsAnIdentityAndNoUnits) {
  Write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  Write("etc/fstab", "LABEL=root / ext4\n");
  FinaliseImage(dir_.path());
  EXPECT_EQ(Read("etc/machine-id").size(), 33U);
  EXPECT_THAT(Read("etc/machine-id"), Not(HasSubstr("0123456789abcdef0")));
  EXPECT_EQ(Read("etc/fstab"), "# not here: LABEL=root / ext4\n");
  EXPECT_FALSE(fs::exists(dir_.path() / "etc/systemd"));
}

TEST_F(AdaptersTest, AnImageWithSystemdIsTamedOnceAndStaysTheSame) {
  InstallSystemd();
  Write("etc/os-release", "ID=debian\n");
  Write("etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n");
  Write("etc/ssh/ssh_host_rsa_key", "the image's");
  Write("usr/bin/ssh-keygen", "");
  Write("usr/sbin/sshd", "");
  Write("etc/cloud/cloud.cfg", "");
  EXPECT_THAT(FinaliseImage(dir_.path()), IsEmpty());

  EXPECT_EQ(Link("etc/systemd/system/serial-getty@ttyS0.service"), "/dev/null");
  EXPECT_THAT(Read("etc/ssh/sshd_config.d/00-banger.conf"), HasSubstr("PermitRootLogin prohibit-password"));
  EXPECT_FALSE(fs::exists(dir_.path() / "etc/ssh/ssh_host_rsa_key"));
  EXPECT_THAT(Read("etc/systemd/system/banger-ssh-keys.service"), HasSubstr("ssh-keygen"));
  EXPECT_TRUE(fs::exists(dir_.path() / "etc/cloud/cloud-init.disabled"));

  const std::string id = Read("etc/machine-id");
  Write("etc/ssh/ssh_host_ed25519_key", "this VM's");
  struct stat before {};
  struct stat after {};
  ::stat((dir_.path() / "etc/systemd/network/00-banger.network").c_str(), &before);
  EXPECT_THAT(FinaliseImage(dir_.path()), IsEmpty());
  ::stat((dir_.path() / "etc/systemd/network/00-banger.network").c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino);  // not even written again
  EXPECT_EQ(Read("etc/machine-id"), id);
  EXPECT_EQ(Read("etc/ssh/ssh_host_ed25519_key"), "this VM's");
}

TEST_F(AdaptersTest, AnotherVmsDisksOrMemoryGetAnIdentityOfTheirOwnOnce) {
  EXPECT_THAT(TakeIdentity("0123456789ab", dir_.path()), IsOkAndHolds(true));
  const std::string id = Read("etc/machine-id");
  Write("etc/ssh/ssh_host_ed25519_key", "the VM's");
  Write("var/lib/banger/ssh_host_ed25519_key", "the VM's");
  Write("var/lib/dbus/machine-id", "D-Bus' own\n");
  // The same VM, or a boot by hand.
  EXPECT_THAT(TakeIdentity("0123456789ab", dir_.path()), IsOkAndHolds(false));
  EXPECT_THAT(TakeIdentity("", dir_.path()), IsOkAndHolds(false));
  EXPECT_EQ(Read("etc/machine-id"), id);
  EXPECT_EQ(Read("var/lib/banger/ssh_host_ed25519_key"), "the VM's");
  // A clone.
  EXPECT_THAT(TakeIdentity("ba9876543210", dir_.path()), IsOkAndHolds(true));
  EXPECT_NE(Read("etc/machine-id"), id);
  EXPECT_EQ(Read("var/lib/dbus/machine-id"), Read("etc/machine-id"));
  EXPECT_FALSE(fs::exists(dir_.path() / "etc/ssh/ssh_host_ed25519_key"));
  EXPECT_FALSE(fs::exists(dir_.path() / "var/lib/banger/ssh_host_ed25519_key"));
  EXPECT_THAT(TakeIdentity("ba9876543210", dir_.path()), IsOkAndHolds(false));
}

TEST_F(AdaptersTest, AStrangersSystemdIsSetUpAndSaidToBe) {
  InstallSystemd();
  Write("usr/lib/os-release", "ID=foo\n");
  EXPECT_THAT(FinaliseImage(dir_.path()), ElementsAre(HasSubstr("ID 'foo'")));
  EXPECT_EQ(Link("etc/systemd/system/wicked.service"), "/dev/null");
  EXPECT_EQ(Link("etc/systemd/system/networking.service"), "/dev/null");
  ASSERT_TRUE(fs::remove(dir_.path() / "usr/lib/os-release"));
  EXPECT_THAT(FinaliseImage(dir_.path()), ElementsAre(HasSubstr("no os-release")));
}

TEST_F(AdaptersTest, OnlyASystemdThatCanRunIsOne) {
  EXPECT_FALSE(HasSystemd(dir_.path()));
  InstallSystemd();
  EXPECT_TRUE(HasSystemd(dir_.path()));
  Write("usr/lib/systemd/systemd", "", 0644);
  EXPECT_FALSE(HasSystemd(dir_.path()));
  ASSERT_TRUE(fs::remove(dir_.path() / "usr/lib/systemd/systemd"));
  EXPECT_FALSE(HasSystemd(dir_.path()));
}

TEST_F(AdaptersTest, SshdWithoutDropInsIsSetInItsOwnFile) {
  Write("etc/ssh/sshd_config", "PermitRootLogin yes\nInclude /etc/ssh/sshd_config.d/*.conf\n");
  FinaliseImage(dir_.path());
  EXPECT_THAT(Read("etc/ssh/sshd_config"),
              StartsWith("# set by banger\nPermitRootLogin prohibit-password\n"));
  EXPECT_THAT(Read("etc/ssh/sshd_config"), HasSubstr("PermitRootLogin yes\n"));
}

TEST_F(AdaptersTest, SshdThatIsConfiguredBelowUsrIsSetToo) {
  Write("usr/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n");
  FinaliseImage(dir_.path());
  EXPECT_THAT(Read("etc/ssh/sshd_config.d/00-banger.conf"), HasSubstr("AuthenticationMethods publickey"));
  EXPECT_FALSE(fs::exists(dir_.path() / "etc/ssh/sshd_config"));
}

TEST_F(AdaptersTest, LinksOfTheImageBeginAtItsRoot) {
  ASSERT_OK(MakeDirectories(dir_.path() / "var/run", 0755));
  fs::create_symlink("/var/run", dir_.path() / "run");
  fs::create_symlink("../../../../../etc", dir_.path() / "out");
  fs::create_symlink("/nowhere", dir_.path() / "dangling");
  Write("file", "x");
  EXPECT_THAT(ResolveInRoot(dir_.path(), "run"), IsOkAndHolds(dir_.path() / "var/run"));
  EXPECT_THAT(ResolveInRoot(dir_.path(), "out"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(DirectoryInRoot(dir_.path(), "run"), IsOkAndHolds(dir_.path() / "var/run"));
  for (const char* name : {"dangling", "file", "new", "run/a/b", "dangling/c", "file/d/e"}) {
    ASSERT_OK_AND_ASSIGN(const fs::path made, DirectoryInRoot(dir_.path(), name));
    EXPECT_TRUE(fs::is_directory(fs::symlink_status(made))) << name;
    EXPECT_THAT(made.string(), StartsWith(dir_.path().string())) << name;
  }
  EXPECT_FALSE(fs::exists("/nowhere"));
}

TEST_F(AdaptersTest, ALoopOfLinksInTheImageDoesNotStopTheBoot) {
  Write("etc/fstab", "");
  fs::create_symlink("var", dir_.path() / "var");
  fs::create_symlink("ssh", dir_.path() / "etc/ssh");
  FinaliseImage(dir_.path());
  EXPECT_EQ(Read("etc/machine-id").size(), 33U);
}

TEST_F(AdaptersTest, GuestFilesGoWhereTheyAreToldTo) {
  ASSERT_OK(WriteGuestFile("~/.ssh/authorized_keys", "key", 0600, dir_.path()));
  EXPECT_EQ(Read("root/.ssh/authorized_keys"), "key");
  EXPECT_EQ(Mode("root/.ssh/authorized_keys"), 0600U);
  EXPECT_EQ(Mode("root/.ssh"), 0755U);
  // A link in the file's place is replaced, not followed.
  Write("target", "old");
  ASSERT_EQ(::symlink((dir_.path() / "target").c_str(), (dir_.path() / "root/link").c_str()), 0);
  ASSERT_OK(WriteGuestFile("/root/link", "new", 0644, dir_.path()));
  EXPECT_EQ(Read("target"), "old");
  EXPECT_EQ(Read("root/link"), "new");
}

TEST_F(AdaptersTest, PathsThatAreNotPlainAreRefusedByName) {
  for (const std::string& path :
       {std::string("relative"), std::string("/a/../b"), std::string(""), std::string("/"), std::string("~"),
        std::string("~user/x"), std::string("/a//b"), std::string("/a/"), std::string("/a\0b", 4)}) {
    EXPECT_THAT(WriteGuestFile(path, "x", 0644, dir_.path()),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path)))
        << path;
  }
}

TEST_F(AdaptersTest, NamesAndServersThatAreNoneAreRefusedBeforeAnythingIsSet) {
  for (const char* name : {"", "-a", "a-", "A", "a.b", "a b"})
    EXPECT_THAT(SetHostname(name, ""), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  EXPECT_THAT(SetNameservers({"1.1.1.1", "1.1.1.1\nsearch evil"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("evil")));
}

}  // namespace
}  // namespace banger::agent
