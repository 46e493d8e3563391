// Our own kernel's whole way: built with scripts/make-generic-kernel.sh from the
// distribution's sources, published, pulled, booted; and what a guest finds in it.
// The build takes minutes: BANGER_GENERIC_KERNEL names the output directory of one
// that was made before.
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Request = http::HttpServer::Request;
using Client = http::HttpServer::Client;

constexpr char kName[] = "generic-6.12";
constexpr char kScripts[] = BANGER_SOURCE_DIR "/scripts";

void Make(const std::vector<std::string>& options) {
  std::vector<std::string> argv = {absl::StrCat(kScripts, "/make-generic-kernel.sh"), "--source", "distro"};
  argv.insert(argv.end(), options.begin(), options.end());
  const CommandResult made = *RunCommand({.argv = argv});
  EXPECT_TRUE(made.status.success()) << made.err;
}

// The directory of the kernel. Not to be called first in the network namespace of an
// Instance, from where apt reaches nothing.
const std::string& Kernel() {
  static const TempDir dir = *TempDir::Create("/var/tmp");
  static const std::string kernel = [] {
    if (const char* given = std::getenv("BANGER_GENERIC_KERNEL")) return std::string(given);
    Make({"--output", dir.path()});
    return dir.path().string();
  }();
  return kernel;
}

TEST(GenericKernelBuildTest, AnotherBuildInAnotherPlaceGivesTheSameBytes) {
  const TempDir other = *TempDir::Create("/var/tmp");
  Make({"--work", other.path() / "a/longer/way", "--output", other.path() / "made", "--jobs", "3"});
  for (const char* file : {"vmlinux", "config", "metadata.json"}) {
    const auto first = ReadFile(absl::StrCat(Kernel(), "/", file), 1 << 30);
    ASSERT_OK(first);
    EXPECT_TRUE(first == ReadFile(other.path() / "made" / file, 1 << 30)) << file;
  }
}

class GenericKernelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    Kernel();
    auto instance = Instance::Start({.config = "[vm_defaults]\nmemory_mib = 512\n"});
    ASSERT_OK(instance);
    banger_ = new Instance(*std::move(instance));
    const CommandResult imported = Banger({"kernel", "import", kName, "--from", Kernel()});
    ASSERT_TRUE(imported.status.success()) << imported.err;
    const CommandResult systemd =
        Banger({"image", "import", "systemd", "--from", Assets() / "systemd.tar", "--kernel-ref", kName});
    ASSERT_TRUE(systemd.status.success()) << systemd.err;
  }
  static void TearDownTestSuite() {
    delete banger_;
    banger_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(banger_, nullptr); }
  void TearDown() override { Banger({"vm", "delete", "--force", "box"}); }

  static CommandResult Banger(std::vector<std::string> arguments, const std::string& input = {}) {
    return banger_->Banger(std::move(arguments), input);
  }
  static void CreateBox(const std::string& image) {
    const CommandResult created = Banger({"vm", "create", "--name", "box", "--image", image});
    ASSERT_TRUE(created.status.success()) << created.err;
  }
  static std::string Exec(const std::string& script) {
    const CommandResult result = Banger({"vm", "exec", "box", "--", "sh", "-c", script});
    return result.out + result.err;
  }
  // A program of the host with its libraries, put into the box.
  static void Lend(const std::string& program) {
    const auto files =
        RunCommandOk({.argv = {"sh", "-c", R"(ldd "$0" | grep -o '/[^ ]*'; echo "$0")", program}});
    ASSERT_OK(files);
    const auto tar =
        RunCommandOk({.argv = {"tar", "--dereference", "-P", "-c", "-f", "-", "-T", "-"}}, *files);
    ASSERT_OK(tar);
    const CommandResult unpacked =
        Banger({"vm", "exec", "-i", "box", "--", "tar", "-x", "-P", "--skip-old-files", "-f", "-"}, *tar);
    ASSERT_TRUE(unpacked.status.success()) << unpacked.err;
  }

  static inline Instance* banger_ = nullptr;
};

TEST_F(GenericKernelTest, EverySymbolOfTheFragmentIsInTheConfiguration) {
  const std::string config = absl::StrCat("\n", *ReadFile(Kernel() + "/config"));
  int symbols = 0;
  const std::string fragment = *ReadFile(absl::StrCat(kScripts, "/kernel/generic.config"));
  for (const absl::string_view line : absl::StrSplit(fragment, '\n')) {
    if (!absl::StartsWith(line, "CONFIG_")) continue;
    ++symbols;
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (parts[1] == "n") {
      EXPECT_THAT(config, Not(HasSubstr(absl::StrCat("\n", parts[0], "="))));
    } else {
      EXPECT_TRUE(absl::StrContains(config, absl::StrCat("\n", line, "\n"))) << line;
    }
  }
  EXPECT_GT(symbols, 300);
  EXPECT_THAT(config, Not(HasSubstr("=m\n")));
}

TEST_F(GenericKernelTest, IsPublishedPulledAndBooted) {
  const TempDir dir = *TempDir::Create();
  const fs::path web = dir.path() / "web";
  fs::create_directories(web);
  const std::string key = dir.path() / "key";
  ASSERT_OK(RunCommandOk({.argv = {"minisign", "-G", "-W", "-p", key + ".pub", "-s", key}}));
  const std::vector<std::string> public_key = absl::StrSplit(*ReadFile(key + ".pub"), '\n');
  ASSERT_OK(WriteFileAtomically(dir.path() / "catalog.json", "{\"version\": 1, \"entries\": []}\n"));
  http::HttpServer server([&](const Request& request, Client& client) {
    const auto content = ReadFile(web / request.target.substr(1), 1 << 30);
    if (content.ok()) {
      http::ServedFile{.content = *content}.Answer(request, client);
    } else {
      client.Send(http::Response("404 Not Found", {}, ""));
    }
  });
  const CommandResult published =
      *RunCommand({.argv = {absl::StrCat(kScripts, "/publish-kernel.sh"), "--directory", web, "--catalog",
                            dir.path() / "catalog.json", "--key", key, kName},
                   .env = std::vector<std::string>{
                       "PATH=/usr/bin:/bin", "ZSTD_CLEVEL=3", absl::StrCat("BASE_URL=", server.Url("")),
                       absl::StrCat("BANGER_KERNELS_DIR=", (banger_->root() / "state/kernels").string())}});
  ASSERT_TRUE(published.status.success()) << published.err;

  auto other =
      Instance::Start({.netd = false,
                       .config = absl::StrCat("[[kernel_catalogs]]\nurl = \"", server.Url("/catalog.json"),
                                              "\"\npublic_key = \"", public_key[1], "\"\n")});
  ASSERT_OK(other);
  const CommandResult pulled = other->Banger({"kernel", "pull", kName});
  ASSERT_EQ(pulled.out, absl::StrCat(kName, "\n")) << pulled.err;
  const CommandResult booted = other->Banger({"vm", "run", "--rm", "--image", "mini", "--", "uname", "-r"});
  EXPECT_EQ(booted.status.code, 0) << booted.err;
  EXPECT_THAT(booted.out, ::testing::StartsWith("6.12."));
}

TEST_F(GenericKernelTest, HasEverythingBuiltIn) {
  ASSERT_NO_FATAL_FAILURE(CreateBox("mini"));
  const std::string file_systems = Exec("cat /proc/filesystems");
  for (const char* name :
       {"ext4", "overlay", "squashfs", "erofs", "fuse", "virtiofs", "tmpfs", "iso9660", "vfat"})
    EXPECT_THAT(file_systems, HasSubstr(absl::StrCat("\t", name, "\n")));
  EXPECT_EQ(Exec("ls /lib/modules /proc/modules 2>&1 | grep -v 'No such file'"), "")
      << "no modules, and no support";
  const std::string devices =
      Exec("ls -d /dev/vsock /dev/fuse /dev/net/tun /dev/loop-control /dev/mapper/control");
  EXPECT_THAT(devices, Not(HasSubstr("No such file")));
  EXPECT_EQ(
      Exec("for type in wireguard veth bridge dummy; do ip link add t0 type $type && ip link del t0; done"),
      "");
  EXPECT_THAT(Exec("ip -o link"), Not(AnyOf(HasSubstr("dummy0"), HasSubstr("sit0"), HasSubstr("tunl0"))));
  EXPECT_THAT(Exec("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names; echo $?"), HasSubstr("0\n"));
  EXPECT_THAT(Exec("dmesg | grep -i -E 'BUG:|WARNING:|Oops|self-?test|benchmark'"), ::testing::IsEmpty());
}

// A loop device, a namespace with its own network, an overlay: what a container takes.
TEST_F(GenericKernelTest, ContainersHaveWhatTheyNeed) {
  ASSERT_NO_FATAL_FAILURE(CreateBox("systemd"));
  ASSERT_NO_FATAL_FAILURE(Lend("/usr/sbin/nft"));
  EXPECT_EQ(Exec("set -e; nft add table ip nat; nft 'add chain ip nat post { type nat hook postrouting "
                 "priority 100; }';"
                 "nft add rule ip nat post ip saddr 172.17.0.0/16 oifname != docker0 masquerade;"
                 "nft 'add chain ip nat pre { type nat hook prerouting priority -100; }';"
                 "nft add rule ip nat pre fib daddr type local tcp dport 80 dnat to 172.17.0.2:8080;"
                 "nft add table inet f; nft 'add chain inet f in { type filter hook input priority 0; }';"
                 "nft add rule inet f in ct state established,related counter accept;"
                 "nft list ruleset | grep -c -E 'masquerade|dnat|ct state'"),
            "3\n");
  EXPECT_EQ(Exec("set -e; cd /root; mkdir l u w m; echo low > l/f; mount -t overlay -o "
                 "lowerdir=l,upperdir=u,workdir=w"
                 " overlay m; echo up > m/f; cat l/f u/f; umount m"),
            "low\nup\n");
  EXPECT_EQ(Exec("unshare -Urnpf --mount-proc sh -c 'ip link set lo up && id -u && echo $$'"), "0\n1\n");
  EXPECT_THAT(Exec("cat /sys/fs/cgroup/cgroup.controllers"),
              AllOf(HasSubstr("cpu"), HasSubstr("io"), HasSubstr("memory"), HasSubstr("pids")));
}

TEST_F(GenericKernelTest, SystemdComesUpWithoutAFailedUnit) {
  ASSERT_NO_FATAL_FAILURE(CreateBox("systemd"));
  EXPECT_TRUE(Eventually([] { return Exec("systemctl is-system-running") == "running\n"; },
                         std::chrono::seconds(600)))
      << Exec("systemctl is-system-running; systemctl --failed --no-legend --plain; systemctl list-jobs");
  const CommandResult stopped = Banger({"vm", "stop", "box"});
  EXPECT_EQ(stopped.status.code, 0) << stopped.err;
}

}  // namespace
}  // namespace banger::e2e
