// `banger update` of a real installation under a real systemd, from a web server of its own.
// A release of another version is this build with another version and commit written into
// its programs. Needs root, and the kernel of scripts/test-assets.
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "common/version/version.h"
#include "tests/install/machine.h"

namespace banger {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

const std::string kVersion = GetBuildInfo().version;
const std::string kCommit = GetBuildInfo().commit;
// Of the same lengths.
const std::string kNewVersion = "9" + kVersion.substr(1);
const std::string kNewCommit = std::string(kCommit.size(), 'f');

constexpr char kSite[] = "http://127.0.0.1:8080/releases.json";
// A gateway that answers as one, and does not serve.
constexpr char kBrokenGateway[] = R"sh(#!/bin/sh
case $1 in
  --version) echo "banger-gateway $VERSION ($COMMIT, 2026-11-22T00:00:00Z)" ;;
  --check-config) ;;
  *) exit 7 ;;
esac
)sh";

class UpdateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (fs::exists("/usr/lib/systemd/system/banger.target")) GTEST_SKIP() << "banger is installed here";
    ASSERT_OK_AND_ASSIGN(Machine booted, Machine::BootOverHost(directory_.path()));
    machine_.emplace(std::move(booted));
    if (Shell("test -d " BANGER_BUILD_DIR) != "") GTEST_SKIP() << "the build is on a file system of its own";
    ASSERT_EQ(Shell(absl::StrCat(BANGER_CMAKE,
                                 " --install " BANGER_BUILD_DIR " --strip --prefix /opt/banger >/dev/null && "
                                 "ln -s /opt/banger/bin/banger /usr/local/bin")),
              "");
    ASSERT_THAT(Shell("banger system install --owner root"), Not(HasSubstr("exit code")));
    ASSERT_EQ(
        Shell("mkdir /srv/site && systemd-run --quiet --unit=site /usr/bin/python3 -m http.server --bind "
              "127.0.0.1 --directory /srv/site 8080 && minisign -G -W -p /root/key.pub -s /root/key "
              ">/dev/null"),
        "");
    ASSERT_EQ(Shell("cp /etc/banger/config.toml /root/config.toml"), "");
    Configure("$(sed -n 2p /root/key.pub)");
  }

  std::string Shell(const std::string& command) const { return machine_->Shell(command); }

  void Configure(const std::string& key) const {
    ASSERT_EQ(Shell(absl::StrCat("{ echo 'update_url = \"", kSite, "\"'; echo \"update_public_key = '", key,
                                 "'\"; cat /root/config.toml; } >/etc/banger/config.toml")),
              "");
  }

  // Of the build as it is in there.
  void Release() const {
    const std::string made = Shell("ZSTD_CLEVEL=1 " BANGER_SOURCE_DIR
                                   "/scripts/release --build " BANGER_BUILD_DIR " --key /root/key /srv/site");
    ASSERT_THAT(made, AllOf(HasSubstr("is in /srv/site/releases.json"), Not(HasSubstr("exit code")))) << made;
  }
  // The build becomes one of the new version.
  void WriteNewVersion() const {
    ASSERT_EQ(Shell(absl::StrCat("cd " BANGER_BUILD_DIR " && LC_ALL=C sed -i 's/", kCommit, "/", kNewCommit,
                                 "/g; s/\\x00", kVersion, "\\x00/\\x00", kNewVersion,
                                 "\\x00/g' bin/banger bin/banger-* libexec/banger/banger-agent")),
              "");
    ASSERT_THAT(Shell(BANGER_BUILD_DIR "/bin/banger --version"),
                absl::StrCat("banger ", kNewVersion, " (", kNewCommit, ")\n"));
  }

  // All that an update could change, but for caches of the shell.
  std::string Installed() const {
    return Shell(
        "cd /opt/banger && find . /etc/systemd/system/banger* -type f -o -name '.banger*' | LC_ALL=C sort "
        "| xargs -r sha256sum");
  }
  // Each program and daemon is of that build, and answers.
  bool AllAre(const std::string& version, const std::string& commit) const {
    const std::string said = Shell("banger version");
    for (const std::string name : {"banger", "gateway", "vmd", "netd", "kerneld", "imaged"})
      if (!absl::StrContains(absl::StrCat("\n", said), absl::StrCat("\n", name, " "))) return false;
    return absl::StrContains(said, commit) && !absl::StrContains(said, "warning") &&
           !absl::StrContains(said, "exit code") && absl::StrContains(said, version);
  }

  const TempDir directory_ = *TempDir::Create("/var/tmp");
  std::optional<Machine> machine_;
};

TEST_F(UpdateTest, AHostIsUpdatedAndItsVmRunsOn) {
  const char* assets = std::getenv("BANGER_TEST_ASSETS");
  ASSERT_NE(assets, nullptr) << "set BANGER_TEST_ASSETS";
  ASSERT_OK(CloneFile(fs::path(assets) / "kernel.deb", machine_->root() / "root/kernel.deb", 0644));
  ASSERT_THAT(Shell("banger kernel import debian-6.1 --from /root/kernel.deb"), HasSubstr("debian-6.1\n"));
  ASSERT_THAT(Shell("banger vm create --image mini --name web"), HasSubstr("is ready"));
  const std::string boot = Shell("banger vm exec web -- cat /proc/sys/kernel/random/boot_id");
  const std::string before = Installed();

  // Its own version alone is nothing to install.
  Release();
  EXPECT_THAT(Shell("banger update --check"), HasSubstr(absl::StrCat("banger ", kVersion, " is up to date")));
  EXPECT_THAT(Shell("banger update"), HasSubstr("is up to date"));
  ASSERT_EQ(Shell("cp -a /srv/site /srv/older"), "");

  // A release of which the gateway does not serve.
  WriteNewVersion();
  ASSERT_EQ(Shell("cp " BANGER_BUILD_DIR "/bin/banger-gateway /root/good-gateway"), "");
  ASSERT_OK(WriteFileAtomically(machine_->root() / "root/broken", kBrokenGateway, 0755));
  ASSERT_EQ(Shell(absl::StrCat("sed 's/$VERSION/", kNewVersion, "/; s/$COMMIT/", kNewCommit,
                               "/' /root/broken >" BANGER_BUILD_DIR "/bin/banger-gateway")),
            "");
  Release();
  EXPECT_THAT(Shell("banger update --check"), HasSubstr(absl::StrCat("banger ", kNewVersion, " is there")));
  EXPECT_THAT(Shell("banger update --check --format json"), HasSubstr("\"update_available\": true"));
  EXPECT_THAT(Shell("runuser -u nobody -- banger update"), HasSubstr("only root may do that"));
  const std::string taken_back = Shell("banger update");
  EXPECT_THAT(taken_back, AllOf(HasSubstr("banger-gateway"), HasSubstr(kVersion + " is back and runs"),
                                HasSubstr("exit code 1")));
  EXPECT_EQ(Installed(), before);
  EXPECT_TRUE(AllAre(kVersion, kCommit)) << Shell("banger version");
  EXPECT_EQ(Shell("banger vm exec web -- cat /proc/sys/kernel/random/boot_id"), boot);

  // A good one in its place, which others have laid hands on.
  ASSERT_EQ(Shell("cat /root/good-gateway >" BANGER_BUILD_DIR "/bin/banger-gateway"), "");
  Release();
  ASSERT_EQ(Shell("cp -a /srv/site /srv/good"), "");
  const auto restored = [&] { return Shell("rm -r /srv/site/* && cp -a /srv/good/. /srv/site"); };
  const std::string tarball = absl::StrCat("/srv/site/banger-", kNewVersion, "-linux-x86_64.tar.zst");
  ASSERT_EQ(Shell(absl::StrCat("printf x | dd of=", tarball, " bs=1 seek=4711 conv=notrunc status=none")),
            "");
  EXPECT_THAT(Shell("banger update"), AllOf(HasSubstr("SHA-256"), HasSubstr("exit code")));
  ASSERT_EQ(Shell(absl::StrCat("truncate -s -1000 ", tarball)), "");
  EXPECT_THAT(Shell("banger update"),
              AllOf(HasSubstr("bytes, and the catalog says"), HasSubstr("exit code")));
  ASSERT_EQ(restored(), "");
  ASSERT_EQ(Shell("sed -i 's/\"arch\"/\"ARCH\"/' /srv/site/releases.json"), "");
  EXPECT_THAT(Shell("banger update"), AllOf(HasSubstr("signature"), HasSubstr("exit code")));
  ASSERT_EQ(restored(), "");
  ASSERT_EQ(Shell("minisign -G -W -p /root/other.pub -s /root/other >/dev/null"), "");
  Configure("$(sed -n 2p /root/other.pub)");
  EXPECT_THAT(Shell("banger update"), AllOf(HasSubstr("key"), HasSubstr("exit code")));
  Configure("$(sed -n 2p /root/key.pub)");
  ASSERT_EQ(Shell("cp /srv/older/releases.json* /srv/site"), "");
  EXPECT_THAT(Shell("banger update"), AllOf(HasSubstr("is older than"), HasSubstr("exit code")));
  ASSERT_EQ(restored(), "");

  // While somebody works in a VM.
  ASSERT_EQ(Shell("systemd-run --quiet --setenv=HOME=/root --unit=shell banger vm exec web -- sleep 10000"),
            "");
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(Shell("banger vm exec web -- ps"), "sleep 10000"); }))
      << Shell("journalctl --no-pager -u shell; banger vm exec web -- ps");
  EXPECT_THAT(Shell("banger update"), AllOf(HasSubstr("this would be cut off: ExecVm of vms/web, by uid:0"),
                                            HasSubstr("exit code 1")));
  ASSERT_EQ(Shell("systemctl stop shell"), "");

  EXPECT_THAT(
      Shell("banger update --dry-run"),
      HasSubstr(absl::StrCat("banger ", kNewVersion, " (", kNewCommit, ") would replace ", kVersion)));
  EXPECT_EQ(Installed(), before) << "nothing of all that has changed anything";

  // Killed in the middle, whatever that is, it is whole again after the next one.
  Shell(
      "banger update & while [ ! -e /opt/banger/.banger-update/journal.json ] && kill -0 $!; do :; done; "
      "kill -9 "
      "$!");
  Shell("banger update");
  const bool finished = AllAre(kNewVersion, kNewCommit);
  EXPECT_TRUE(finished || Installed() == before) << Installed();
  if (!finished) {
    EXPECT_THAT(Shell("banger update"), HasSubstr(absl::StrCat("banger ", kNewVersion, " (", kNewCommit,
                                                               ") runs; it was ", kVersion)));
  }
  EXPECT_TRUE(AllAre(kNewVersion, kNewCommit))
      << Shell("banger version; journalctl --no-pager -u 'banger-*'");
  EXPECT_EQ(Shell("banger vm exec web -- cat /proc/sys/kernel/random/boot_id"), boot);
  EXPECT_THAT(Shell("grep ExecStart= /etc/systemd/system/banger-vmd.service"),
              "ExecStart=/opt/banger/libexec/banger/banger-vmd\n");
  EXPECT_EQ(Shell("ls -A /opt/banger"), "bin\nlib\nlibexec\nshare\n");
  EXPECT_THAT(Shell("banger update"), HasSubstr(absl::StrCat("banger ", kNewVersion, " is up to date")));

  // What has been installed updates as well, also to an older one when it is told to.
  EXPECT_THAT(
      Shell("banger update --to " + kVersion),
      AllOf(HasSubstr("is older than what is here"), HasSubstr(absl::StrCat("(", kCommit, ") runs"))));
  EXPECT_TRUE(AllAre(kVersion, kCommit)) << Shell("banger version");
  EXPECT_EQ(Shell("banger vm exec web -- cat /proc/sys/kernel/random/boot_id"), boot);
}

}  // namespace
}  // namespace banger
