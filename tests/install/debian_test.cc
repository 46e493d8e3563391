// The packages on a Debian of its own: systemd runs as PID 1 of namespaces, so that its
// units, users, directories and their removal are the real thing. Needs root, Debian's
// archive, and the kernel of scripts/test-assets.
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "tests/install/installation.h"
#include "tests/install/machine.h"

namespace banger {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

// The kernel, as the package sources of that Debian have it.
constexpr char kArchive[] = R"sh(
mkdir /srv/archive && cp /root/kernel.deb /srv/archive && cd /srv/archive && rm -f /etc/apt/sources.list.d/*
{
  dpkg-deb -f kernel.deb
  echo "Filename: ./kernel.deb"
  echo "Size: $(stat -c %s kernel.deb)"
  echo "SHA256: $(sha256sum kernel.deb | cut -d' ' -f1)"
  echo
  echo "Package: linux-image-cloud-amd64"
  echo "Version: 6.1"
  echo "Architecture: amd64"
  echo "Depends: $(dpkg-deb -f kernel.deb Package)"
  echo "Filename: ./meta.deb"
} >Packages
echo 'deb [trusted=yes] file:/srv/archive ./' >/etc/apt/sources.list
)sh";

// What docs/remote.md says, and carol's context.
constexpr char kListen[] = R"sh(
cd /etc/banger/tls && chmod 755 . && chmod 644 *.pem && chgrp banger *.key && chmod 640 *.key
sed -i 's|^listen = ""|listen = "127.0.0.1:7443"\
cert = "/etc/banger/tls/server.pem"\
key = "/etc/banger/tls/server.key"\
client_ca = "/etc/banger/tls/ca.pem"|' ../config.toml
HOME=/root banger context add lab --address 127.0.0.1:7443 --ca ca.pem --cert carol.pem --key carol.key
)sh";

class DebianTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    directory_ = *TempDir::Create("/var/tmp");
    ASSERT_OK(OutputOf({BANGER_SOURCE_DIR "/scripts/package", directory_.path() / "packages"}).status());
    // Installed where no systemd runs.
    std::vector<std::string> argv = {
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        "--include=systemd,systemd-sysv,dbus,iproute2,iputils-ping,openssh-client,procps,qemu-system-x86",
        absl::StrCat("--customize-hook=cp ", (directory_.path() / "packages").string(),
                     "/*.deb \"$1/var/tmp\""),
        "--customize-hook=chroot \"$1\" sh -c 'apt-get install -q -y --no-install-recommends /var/tmp/*.deb "
        "systemd-resolved'",  // not before, as it takes over /etc/resolv.conf
        "bookworm",
        root()};
    if (fs::exists("/etc/apt/sources.list.d/debian.sources"))
      argv.push_back("/etc/apt/sources.list.d/debian.sources");
    ASSERT_OK(OutputOf(argv).status());
    const char* assets = std::getenv("BANGER_TEST_ASSETS");
    ASSERT_NE(assets, nullptr) << "set BANGER_TEST_ASSETS";
    ASSERT_OK(CloneFile(fs::path(assets) / "kernel.deb", root() / "root/kernel.deb", 0644));
    ASSERT_OK_AND_ASSIGN(Machine booted, Machine::Boot(root()));
    machine_.emplace(std::move(booted));
  }

  fs::path root() const { return directory_.path() / "root"; }

  std::string Shell(const std::string& command) const { return machine_->Shell(command); }

  bool AllActive() const {
    return Shell("systemctl is-active banger-netd banger-kerneld banger-imaged banger-vmd banger-gateway") ==
           "active\nactive\nactive\nactive\nactive\n";
  }

  // Processes, links and rules that banger has there.
  std::string WhatRuns() const {
    return Shell("pgrep -l 'qemu|banger'; ip -o link | grep -E 'br-banger|bgr-'; nft list tables; true");
  }

 private:
  TempDir directory_;
  std::optional<Machine> machine_;
};

TEST_F(DebianTest, PackagesInstallRunAndPurgeCleanly) {
  ASSERT_TRUE(Eventually([&] { return AllActive(); }, std::chrono::seconds(60)))
      << Shell("journalctl --no-pager -u 'banger-*'");
  EXPECT_THAT(Shell("systemctl is-enabled banger.target"), "enabled\n");

  // Users of the group, and nobody else; and nobody passes by the gateway.
  Shell("useradd -m alice && useradd bob");
  EXPECT_THAT(Shell("banger system install --owner alice"), HasSubstr("wrote /etc/banger/config.toml\n"));
  EXPECT_TRUE(Eventually([&] {
    return absl::StrContains(Shell("runuser -u alice -- banger image list"), "mini");
  })) << Shell("runuser -u alice -- banger image list");
  EXPECT_THAT(Shell("runuser -u bob -- banger image list"), HasSubstr("exit code"));
  EXPECT_THAT(Shell("stat -c '%a %U %n' /run/banger/*.sock"),
              "660 banger /run/banger/gateway.sock\n600 banger /run/banger/imaged.sock\n"
              "600 banger /run/banger/kerneld.sock\n600 banger /run/banger/vmd.sock\n");
  EXPECT_THAT(Shell("stat -c '%a %U' /var/lib/banger /var/cache/banger"), "700 banger\n700 banger\n");

  // An installation that does not come up is none.
  Shell("cp /etc/banger/config.toml /root; echo 'vmm = \"quemu\"' >/etc/banger/config.toml");
  EXPECT_THAT(Shell("banger system install --owner alice"),
              AllOf(HasSubstr("banger-vmd.service"), HasSubstr("exit code 1")));
  Shell("mv /root/config.toml /etc/banger");
  EXPECT_THAT(Shell("banger system install --owner alice"), Not(HasSubstr("exit code")));
  EXPECT_TRUE(AllActive());

  // As vmd's unit for a systemd that knows DelegateSubgroup= writes to its part of the control
  // groups, and to no other.
  Shell(
      "cat >/run/systemd/system/probe.service <<END\n"
      "[Service]\nType=oneshot\nUser=alice\nDelegate=pids\nProtectControlGroups=yes\n"
      "ReadWritePaths=-/sys/fs/cgroup/system.slice/%n\n"
      "ExecStart=/bin/mkdir /sys/fs/cgroup/system.slice/%n/vm\n"
      "ExecStart=!/bin/sh -c '! mkdir /sys/fs/cgroup/system.slice/other'\nEND");
  EXPECT_EQ(Shell("systemctl start probe"), "") << Shell("journalctl --no-pager -u probe");

  // kerneld's sandbox lets apt get a kernel.
  EXPECT_THAT(Shell(kArchive), Not(HasSubstr("exit code")));
  EXPECT_THAT(Shell("banger kernel pull debian-6.1"), Not(HasSubstr("exit code")));
  EXPECT_THAT(Shell("banger kernel show debian-6.1 && banger kernel rm debian-6.1"),
              AllOf(HasSubstr("6.1.0-"), Not(HasSubstr("exit code"))));

  // A VM runs within what the units allow, and outlives all daemons.
  EXPECT_THAT(Shell("banger kernel import debian-6.1 --from /root/kernel.deb"), HasSubstr("debian-6.1\n"));
  EXPECT_THAT(Shell("banger vm create --image mini --name web"), HasSubstr("is ready"));
  EXPECT_EQ(Shell("runuser -l alice -c 'banger vm ssh web -- echo by ssh'"), "by ssh\n");
  // netd has told systemd-resolved, whom the host's programs ask.
  EXPECT_TRUE(Eventually([&] {
    return absl::StrContains(Shell("banger system network"), "systemd-resolved asks for .vm");
  })) << Shell("banger system network; resolvectl; journalctl --no-pager -u banger-netd");
  EXPECT_THAT(Shell("resolvectl query --legend=no web.vm"), HasSubstr("172.30.0."));
  EXPECT_THAT(Shell("banger doctor"), AllOf(HasSubstr("PASS  daemon netd"), Not(HasSubstr("FAIL"))));

  // Other hosts reach it, by a key that only the gateway's group may read.
  for (const std::string whom : {"server 127.0.0.1", "client carol viewer"})
    ASSERT_OK(OutputOf({"sh", "-c", absl::StrCat("\"$0\" \"$1\" ", whom),
                        BANGER_SOURCE_DIR "/scripts/make-certs", root() / "etc/banger/tls"})
                  .status());
  Shell(kListen);
  EXPECT_THAT(Shell("banger system restart && HOME=/root banger --context lab vm list"),
              AllOf(HasSubstr("web"), Not(HasSubstr("exit code"))));

  EXPECT_EQ(Shell("banger system restart && banger vm exec web -- echo survived"), "survived\n");
  EXPECT_EQ(Shell("systemctl kill --kill-whom=main --signal=KILL banger-vmd"), "");
  ASSERT_TRUE(Eventually([&] { return Shell("banger vm exec web -- echo again") == "again\n"; },
                         std::chrono::seconds(30)))
      << Shell("journalctl --no-pager -u banger-vmd");
  EXPECT_THAT(Shell("banger system status"),
              AllOf(HasSubstr("active (running)"), Not(HasSubstr("exit code"))));
  EXPECT_THAT(Shell("banger system uninstall"), HasSubstr("VMs run; stop them first: 'banger vm stop web'"));
  EXPECT_EQ(Shell("systemctl stop banger-gateway"), "");
  EXPECT_THAT(Shell("banger system uninstall"), HasSubstr("banger does not answer, and VMs run (processes "));
  EXPECT_EQ(Shell("systemctl is-active banger-vmd"), "active\n");

  // Removal ends what nobody can stop any more, and keeps its disks.
  EXPECT_THAT(Shell("dpkg --remove banger"), Not(HasSubstr("exit code")));
  EXPECT_EQ(WhatRuns(), "");
  EXPECT_THAT(Shell("apt-get install -q -y --no-install-recommends /var/tmp/*.deb"),
              Not(HasSubstr("exit code")));
  EXPECT_THAT(Shell("banger vm start web && banger vm exec web -- echo again"), HasSubstr("again\n"));
  // A VMM that ends while nobody looks leaves its tap.
  Shell("systemctl stop banger-vmd && echo 1 >/sys/fs/cgroup/system.slice/banger-vmd.service/cgroup.kill");
  EXPECT_TRUE(Eventually([&] { return !absl::StrContains(WhatRuns(), "qemu"); }));
  EXPECT_THAT(WhatRuns(), HasSubstr("bgr-"));
  EXPECT_THAT(Shell("banger system uninstall --force"), Not(HasSubstr("exit code")));
  EXPECT_EQ(WhatRuns(), "");
  EXPECT_EQ(Shell("systemctl is-enabled banger.target"), "disabled\nexit code 1\n");
  EXPECT_THAT(Shell("banger system install --owner alice && banger vm start web"),
              Not(HasSubstr("exit code")));

  // Removal ends it, and keeps what it was; a purge leaves nothing.
  EXPECT_THAT(Shell("dpkg --remove banger"), Not(HasSubstr("exit code")));
  EXPECT_EQ(WhatRuns(), "");
  EXPECT_THAT(Shell("ls /var/lib/banger"), HasSubstr("vmd.sqlite3"));
  Shell("rm -rf /etc/banger/tls /root/.local /root/.config /home/alice");  // their owners' own
  EXPECT_THAT(Shell("dpkg --purge banger banger-client"), Not(HasSubstr("exit code")));
  EXPECT_EQ(Shell("find / -xdev -name '*banger*' ! -path '/var/log/*' ! -path '/tmp/*' ! -path '/var/tmp/*'; "
                  "ls /run | grep banger"),
            "exit code 1\n");
}

}  // namespace
}  // namespace banger
