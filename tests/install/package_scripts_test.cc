// The maintainer scripts by themselves, in a root directory of their own: what they do
// there is real, the commands that would speak to systemd take notes. debian_test runs
// them as dpkg does.
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

class PackageScriptsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* command : {"banger", "deb-systemd-helper", "deb-systemd-invoke", "systemctl",
                                "systemd-sysusers", "systemd-tmpfiles"})
      ASSERT_OK(File(absl::StrCat("fake/", command), "#!/bin/sh\necho \"${0##*/} $*\" >>/said\n", 0755));
    for (const char* directory : {"dev", "usr", "run/systemd/system", "var/lib", "var/cache", "srv"})
      ASSERT_OK(MakeDirectories(root_.path() / directory, 0755));
    ASSERT_OK(File("dev/null", ""));
    for (const char* link : {"bin", "sbin", "lib", "lib64"})
      fs::create_directory_symlink(absl::StrCat("usr/", link), root_.path() / link);
    if (!Run("true").status.success()) GTEST_SKIP() << "namespaces are not allowed here";
  }

  absl::Status File(const std::string& path, const std::string& text, unsigned mode = 0644) {
    BANGER_RETURN_IF_ERROR(MakeDirectories((root_.path() / path).parent_path(), 0755));
    return WriteFileAtomically(root_.path() / path, text, mode);
  }

  // A shell's commands in there; mounts go when it ends.
  CommandResult Run(const std::string& commands) const {
    std::vector<std::string> argv = {
        "unshare",
        "--mount",
        "sh",
        "-ec",
        "mount --rbind /usr \"$0/usr\"; mount --bind /dev/null \"$0/dev/null\"\n"
        "exec env -i PATH=/fake:/usr/sbin:/usr/bin /usr/sbin/chroot \"$0\" /bin/sh -ec \"$1\"",
        root_.path(),
        commands};
    if (::geteuid() != 0) argv.insert(argv.begin() + 1, {"--user", "--map-root-user"});
    return *RunCommand({.argv = argv});
  }
  // Afterwards, what is below /var/lib, /var/cache and /srv, and what was said to systemd.
  std::string After(const std::string& prepare, const std::string& script, const std::string& why) {
    EXPECT_OK(CloneFile(fs::path(BANGER_SOURCE_DIR) / "deploy/debian" / script, root_.path() / script, 0755));
    const CommandResult result = Run(absl::StrCat(
        prepare, "\n/", script, " ", why, "\nfind /var/lib /var/cache /srv -mindepth 1 | sort\ncat /said"));
    fs::remove(root_.path() / script);
    fs::remove(root_.path() / "said");
    return absl::StrCat(result.out, result.err, result.status.success() ? "" : result.status.ToString());
  }

  const TempDir root_ = *TempDir::Create();
};

TEST_F(PackageScriptsTest, APurgeEmptiesADiskOfItsOwn) {
  EXPECT_THAT(After("mkdir /var/lib/banger /var/cache/banger\nmount -t tmpfs tmpfs /var/lib/banger\n"
                    "mkdir /var/lib/banger/vms /var/lib/banger/images\n"
                    "mount -t tmpfs tmpfs /var/lib/banger/images\n"
                    "touch /var/lib/banger/vms/web /var/lib/banger/images/mini\n",
                    "postrm", "purge"),
              ::testing::AllOf(HasSubstr("/var/lib/banger\n/var/lib/banger/images\ndeb-systemd-helper"),
                               Not(HasSubstr("/var/cache")), Not(HasSubstr("exit code"))));
}

TEST_F(PackageScriptsTest, APurgeFollowsALinkToWhereTheDisksAre) {
  EXPECT_THAT(After("mkdir -p /srv/disks/vms\ntouch /srv/disks/vms/web\nln -s /srv/disks /var/lib/banger",
                    "postrm", "purge"),
              ::testing::StartsWith("/srv/disks\ndeb-systemd-helper"));
}

TEST_F(PackageScriptsTest, ARemovalKeepsTheDisks) {
  EXPECT_THAT(After("mkdir /var/lib/banger; touch /var/lib/banger/vmd.sqlite3", "postrm", "remove"),
              ::testing::StartsWith("/var/lib/banger\n/var/lib/banger/vmd.sqlite3\n"));
}

TEST_F(PackageScriptsTest, ARemovalThatIsGivenUpStartsTheDaemonsAgain) {
  for (const char* why : {"configure", "abort-remove", "abort-upgrade 2.0", "abort-deconfigure"})
    EXPECT_THAT(After("", "postinst", why), HasSubstr("deb-systemd-invoke restart banger.target\n")) << why;
}

// VMs may have ended while nobody told netd.
TEST_F(PackageScriptsTest, ARemovalHasNetdTakeAwayWhatItLeft) {
  const std::string ledger = "mkdir -p /run/banger-netd/endpoints; touch /run/banger-netd/endpoints/1.json\n";
  const std::string netd = "systemctl start banger-netd.service\nsystemctl stop banger-netd.service\n";
  EXPECT_THAT(After(ledger, "prerm", "remove; ls /run/banger-netd/endpoints"),
              ::testing::AllOf(HasSubstr("1.json\n"), Not(HasSubstr(netd))));
  ASSERT_OK(File("sys/class/net/other/ifalias", "banger:br-other:/srv/other/netd:0:1\n"));
  EXPECT_THAT(After(ledger, "prerm", "remove"), Not(HasSubstr(netd)));
  ASSERT_OK(File("sys/class/net/bgr-1/ifalias", "banger:br-banger:/run/banger-netd:0:1\n"));
  EXPECT_THAT(After(ledger, "prerm", "remove; ls -d /run/banger-netd/* || true"),
              ::testing::AllOf(HasSubstr(netd), HasSubstr("cannot access '/run/banger-netd/*'")));
}

}  // namespace
}  // namespace banger
