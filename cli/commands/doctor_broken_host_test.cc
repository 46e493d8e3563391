// `banger doctor` on hosts where one thing is really broken: namespaces with other disks,
// files, links and routes, before a fake gateway.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/testing/cli_fixture.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class DoctorBrokenHostTest : public CliTest {
 protected:
  DoctorBrokenHostTest() {
    network::v1::Network& network = *state_.network.mutable_network();
    network.set_bridge("br-banger");
    network.set_gateway("172.30.0.1");
    network.set_prefix_length(24);
    network.add_uplinks("eth0");
    network.mutable_dns()->set_guest_server("172.30.0.1");
    state_.network.mutable_health()->set_bridge_up(true);
    system::v1::NetworkEndpoint& web = *state_.network.add_endpoints();
    web.set_vm("vms/web");
    web.mutable_endpoint()->set_tap("bgr-1");
    web.mutable_endpoint()->set_address("172.30.0.2");
  }
  void SetUp() override {
    if (!Host("true")->status.success()) GTEST_SKIP() << "namespaces are not allowed here";
  }

  std::vector<std::string> Environment() const override {
    std::vector<std::string> environment = CliTest::Environment();
    environment.push_back(absl::StrCat("BANGER_ROOT=", root().string()));
    return environment;
  }
  std::filesystem::path root() const { return directory_.path() / "root"; }

  // In namespaces of its own; $D is the test's directory.
  absl::StatusOr<CommandResult> Host(const std::string& script) const {
    std::vector<std::string> argv = {"unshare", "--mount", "--net", "sh",
                                     "-ec",     script,    "sh",    BangerProgram()};
    if (::geteuid() != 0) argv.insert(argv.begin() + 1, {"--user", "--map-root-user"});
    std::vector<std::string> environment = Environment();
    environment.push_back(absl::StrCat("D=", directory_.path().string()));
    return RunCommand({.argv = argv, .env = environment});
  }

  // What the doctor says of `check` after `script`: "FAIL 64M and ... -> repair".
  std::string Says(const std::string& check, const std::string& script) const {
    const auto result =
        Host(absl::StrCat("PATH=/usr/sbin:/usr/bin:/sbin:/bin; mkdir -p $D/root; mount -t sysfs sysfs /sys; ",
                          script, "\nexec \"$1\" doctor --format json"));
    if (!result.ok()) return result.status().ToString();
    const auto report = nlohmann::json::parse(result->out, nullptr, false);
    if (report.is_discarded()) return absl::StrCat(result->out, result->err);
    bool failed = false;
    std::string said = "nothing";
    for (const nlohmann::json& found : report.at("checks")) {
      failed = failed || found.at("verdict") == "FAIL";
      if (found.at("check") == check)
        said =
            absl::StrCat(found.at("verdict").get<std::string>(), " ", found.at("detail").get<std::string>(),
                         " -> ", found.at("repair").get<std::string>());
    }
    EXPECT_EQ(result->status.code, failed ? 1 : 0);
    return said;
  }
};

TEST_F(DoctorBrokenHostTest, ADiskThatIsFull) {
  const std::string said = Says("state", "mount -t tmpfs -o size=64m tmpfs $D/root");
  EXPECT_THAT(said, StartsWith("FAIL 64M and "));
  EXPECT_THAT(said, HasSubstr(" -> banger vm prune"));
  EXPECT_THAT(Says("cache", "mount -t tmpfs -o size=20g,nr_inodes=50 tmpfs $D/root"),
              StartsWith("FAIL 20G and 4"));
}

TEST_F(DoctorBrokenHostTest, AConfigurationThatIsWrong) {
  EXPECT_THAT(Says("config", "printf '\\nlog_levle = \"info\"\\n' >$D/root/config.toml"),
              ::testing::AllOf(StartsWith("FAIL "), HasSubstr("log_levle"), HasSubstr("2")));
}

TEST_F(DoctorBrokenHostTest, ACpuThatDoesNotVirtualise) {
  const std::string no_kvm =
      "mkdir $D/dev; touch $D/dev/kvm; for d in null urandom; do touch $D/dev/$d; mount --bind /dev/$d "
      "$D/dev/$d; done; mount --rbind $D/dev /dev; ";
  EXPECT_THAT(
      Says("cpu",
           no_kvm + "printf 'processor : 0\\nflags : fpu\\n' >$D/cpu; mount --bind $D/cpu /proc/cpuinfo"),
      StartsWith("WARN does not virtualise"));
  std::filesystem::remove_all(directory_.path() / "dev");
  EXPECT_THAT(Says("kvm", no_kvm), StartsWith("WARN "));
  std::filesystem::remove_all(directory_.path() / "dev");
  EXPECT_THAT(Says("kvm", no_kvm + "echo 'vmm = \"qemu-kvm\"' >$D/root/config.toml"), StartsWith("FAIL "));
}

TEST_F(DoctorBrokenHostTest, VmmsWithKnownVulnerabilities) {
  const auto says = [&](const std::string& program, const std::string& version) {
    return absl::StrCat("mkdir -p $D/bin; printf '#!/bin/sh\\necho ", version, "\\n' >$D/bin/", program,
                        "; chmod 755 $D/bin/", program, "; PATH=$D/bin:$PATH");
  };
  EXPECT_THAT(Says("firecracker", "echo 'vmm = \"firecracker\"' >$D/root/config.toml; " +
                                      says("firecracker", "Firecracker v1.14.3")),
              ::testing::AllOf(StartsWith("FAIL 1.14.3 has published vulnerabilities"),
                               HasSubstr("-> install Firecracker 1.14.4")));
  EXPECT_THAT(
      Says("qemu", "rm $D/root/config.toml; " + says("qemu-system-x86_64", "QEMU emulator version 7.2.10")),
      StartsWith("WARN 7.2.10 may let guests out by CVE-2024-3446"));
  EXPECT_THAT(Says("qemu", "echo 'qemu_bin = \"/nowhere/qemu\"\nvmm = \"qemu\"' >$D/root/config.toml"),
              StartsWith("FAIL '/nowhere/qemu' is not there -> sudo apt install"));
}

TEST_F(DoctorBrokenHostTest, AHostWithoutE2fsprogs) {
  EXPECT_THAT(
      Says("e2fsprogs", "if [ -e /usr/sbin/e2fsck ]; then mount --bind /dev/null /usr/sbin/e2fsck; fi"),
      StartsWith("WARN e2fsck is not there"));
}

TEST_F(DoctorBrokenHostTest, AStoreThatIsDamaged) {
  EXPECT_THAT(Says("store", "mkdir $D/root/state; yes garbage | head -c 8192 >$D/root/state/vmd.sqlite3"),
              StartsWith("FAIL "));
}

TEST_F(DoctorBrokenHostTest, ASubnetAndABridgeThatSomebodyElseHas) {
  EXPECT_THAT(Says("subnet", ""), StartsWith("PASS "));
  EXPECT_THAT(
      Says("subnet",
           "ip link add vpn0 type bridge; ip addr add 172.30.0.77/16 dev vpn0; ip link set vpn0 up"),
      StartsWith("FAIL 172.30.0.1/24 shares addresses with a route by 'vpn0' -> another [network] address"));
  EXPECT_THAT(Says("bridge", ""), StartsWith("PASS 'br-banger' is free"));
  EXPECT_THAT(Says("bridge", "ip link add br-banger type bridge"),
              StartsWith("FAIL 'br-banger' is somebody else's"));
  EXPECT_THAT(
      Says("bridge", "ip link add br-banger type bridge; ip link set br-banger alias banger:br-banger:/x"),
      StartsWith("FAIL 'br-banger' is somebody else's"));
  EXPECT_THAT(Says("bridge",
                   "ip link add br-banger type bridge; ip link set br-banger alias "
                   "banger:br-banger:$D/root/netd"),
              StartsWith("PASS 'br-banger' is netd's"));
}

// Nobody's own daemons are meant where systemd has some.
TEST_F(DoctorBrokenHostTest, AGatewayThatNeverCameUp) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  const auto said = Host(
      "PATH=/usr/sbin:/usr/bin:/sbin:/bin; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /mnt\n"
      "cp \"$1\" /mnt/banger; mount -t tmpfs tmpfs /etc/systemd; mkdir /etc/systemd/system\n"
      "doctor() { env -u BANGER_ROOT -u BANGER_SOCKET HOME=/nowhere setpriv --reuid 65534 --clear-groups "
      "/mnt/banger doctor || true; }\n"
      "touch /etc/systemd/system/banger.target; doctor");
  ASSERT_OK(said);
  EXPECT_THAT(said->out, ::testing::ContainsRegex("FAIL  socket +'/run/banger/gateway.sock': No such file"));
  EXPECT_THAT(said->out, HasSubstr("reach the gateway at '/run/banger/gateway.sock': no such socket"));
  EXPECT_THAT(said->out, ::testing::Not(HasSubstr("/nowhere")));
}

TEST_F(DoctorBrokenHostTest, NamesThatTheHostsOwnResolverGetsWrong) {
  const auto hosts = [](const std::string& line) {
    return absl::StrCat("echo '", line, "' >$D/hosts; mount --bind $D/hosts /etc/hosts");
  };
  EXPECT_THAT(Says("names", hosts("10.0.0.9 web.vm")),
              StartsWith("FAIL web.vm is 10.0.0.9 to this host, not 172.30.0.2"));
  EXPECT_THAT(Says("names", hosts("172.30.0.2 web.vm")), StartsWith("PASS "));
  EXPECT_THAT(Says("names", hosts("127.0.0.1 localhost")),
              StartsWith("WARN this host's programs do not find web.vm"));
}

}  // namespace
}  // namespace banger::cli
