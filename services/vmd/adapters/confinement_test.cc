// What is left to a VMM that its guest has taken over, tried from inside: a program
// in the VMM's place, started as VMMs are and with the files of each driver.
#include "services/vmd/adapters/confinement.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/os/unix_socket.h"
#include "common/testing/status_matchers.h"
#include "services/vmd/adapters/vmm_process.h"

namespace banger::vmd {
namespace {

using ::testing::HasSubstr;
using Right = FileAccess::Right;

constexpr char kProbe[] = BANGER_VMM_PROBE;

class ConfinementTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create("/tmp"));
    for (const char* part : {"vms/mine", "vms/other", "run/mine", "home"})
      ASSERT_OK(MakeDirectories(dir_.path() / part));
    for (const std::string& file : Files()) ASSERT_OK(WriteFileAtomically(Path(file), "content"));
    auto listening = ListenUnix(Path("run/vmd.sock"), 0600);
    ASSERT_OK(listening);
    vmd_socket_ = *std::move(listening);
  }
  static std::vector<std::string> Files() {
    return {"vmlinux",         "initrd.img",       "agent.ext4",       "image.ext4",
            "vmd.sqlite3",     "home/secret",      "vms/mine/upper",   "vms/mine/work",
            "vms/mine/log",    "vms/mine/vmm.log", "vms/mine/metrics", "vms/mine/runtime.json",
            "vms/other/upper", "vms/other/work"};
  }
  std::string Path(const std::string& file) const { return dir_.path() / file; }

  std::vector<FileAccess> FilesOfDriver() const {
    const Machine machine{.uid = "mine",
                          .vmlinux = Path("vmlinux"),
                          .initrd = Path("initrd.img"),
                          .rootfs = Path("image.ext4"),
                          .disks = {.upper = Path("vms/mine/upper"),
                                    .work = Path("vms/mine/work"),
                                    .console_log = Path("vms/mine/log"),
                                    .vmm_log = Path("vms/mine/vmm.log"),
                                    .vmm_metrics = Path("vms/mine/metrics"),
                                    .agent = Path("agent.ext4")}};
    if (std::string(GetParam()) == "qemu") return FilesOfQemu(kProbe, machine);
    return FilesOfFirecracker(kProbe, machine, {.sockets = Path("run/mine")});
  }

  struct Attempt {
    std::string what;
    std::string argument;
    std::string result;  // "ok", or the errno's name
  };
  void Expect(const std::vector<Attempt>& attempts) {
    std::vector<std::string> argv = {kProbe};
    std::string expected;
    for (const Attempt& attempt : attempts) {
      argv.insert(argv.end(), {attempt.what, attempt.argument});
      absl::StrAppend(&expected, attempt.what, " ", attempt.argument, ": ", attempt.result, "\n");
    }
    auto output = OpenFile(Path("output"), O_WRONLY | O_CREAT | O_TRUNC);
    ASSERT_OK(output);
    auto started = StartVmm({.launcher = BANGER_CONFINE,
                             .confined = {.files = FilesOfDriver(), .argv = argv},
                             .stdout_fd = output->get()});
    ASSERT_OK(started);
    EXPECT_OK(started->child.Wait());
    EXPECT_EQ(ReadFile(Path("output")).value_or(""), expected) << LastWords(started->complaints.get());
  }

  TempDir dir_;
  UniqueFd vmd_socket_;
};

INSTANTIATE_TEST_SUITE_P(Drivers, ConfinementTest, ::testing::Values("qemu", "firecracker"),
                         [](const auto& driver) { return std::string(driver.param); });

TEST_P(ConfinementTest, ItsOwnFilesAreThere) {
  Expect({{"read", Path("vmlinux"), "ok"},
          {"read", Path("initrd.img"), "ok"},
          {"read", Path("agent.ext4"), "ok"},
          {"read", Path("image.ext4"), "ok"},
          {"write", Path("vms/mine/upper"), "ok"},
          {"write", Path("vms/mine/work"), "ok"}});
}

TEST_P(ConfinementTest, ItHasASessionNoPrivilegesAFilterAndNoDescriptors) { Expect({{"self", "-", "ok"}}); }

TEST_P(ConfinementTest, AnotherVmsDisksTheStoreAndTheHomeDirectoryAreOutOfReach) {
  std::vector<Attempt> attempts;
  for (const char* file :
       {"vms/other/upper", "vms/other/work", "vmd.sqlite3", "home/secret", "vms/mine/runtime.json"}) {
    for (const char* what : {"read", "write", "remove"}) attempts.push_back({what, Path(file), "EACCES"});
    for (const char* what : {"truncate", "chmod"}) attempts.push_back({what, Path(file), "EPERM"});
    attempts.push_back({"chmod-anew", Path(file), "ENOSYS"});
  }
  for (const std::string& directory : {Path("home"), Path("vms"), std::string("/root"), std::string("/etc")})
    attempts.push_back({"list", directory, "EACCES"});
  attempts.push_back({"read", "/etc/passwd", "EACCES"});
  attempts.push_back({"make", Path("vms/mine/new"), "EACCES"});
  attempts.push_back({"make", Path("new"), "EACCES"});
  Expect(attempts);
}

TEST_P(ConfinementTest, WhatItsGuestBootsFromCannotBeChanged) {
  std::vector<Attempt> attempts;
  for (const char* file : {"vmlinux", "initrd.img", "agent.ext4", "image.ext4"})
    for (const char* what : {"write", "remove"}) attempts.push_back({what, Path(file), "EACCES"});
  Expect(attempts);
}

TEST_P(ConfinementTest, NobodyIsReachedSignalledOrTraced) {
  const std::string vmd = absl::StrCat(::getpid());
  Expect({{"connect", Path("run/vmd.sock"), "EPERM"},
          {"socket", "inet", "EPERM"},
          {"socket", "netlink", "EPERM"},
          {"socket", "datagram", "EPERM"},
          {"kill", vmd, "EPERM"},
          {"own", vmd, "EPERM"},
          {"limit", vmd, "EPERM"},
          {"trace", vmd, "EPERM"},
          {"read", absl::StrCat("/proc/", vmd, "/environ"), "EACCES"}});
}

TEST_P(ConfinementTest, NothingElseIsExecutedAndNoProcessMade) {
  Expect({{"execute", "/bin/sh", "EACCES"}, {"clone", "process", "EPERM"}, {"clone", "userns", "EPERM"}});
}

TEST(ConfinedCommandTest, IsReadAsItIsWritten) {
  const Confined confined = {.cgroup = "/sys/fs/cgroup/x",
                             .files = {{"/a", Right::kRead},
                                       {"/b c", Right::kReadWrite},
                                       {"/d", Right::kOwn},
                                       {"/e", Right::kExecute}},
                             .argv = {"/e", "--", "-x"}};
  EXPECT_THAT(ParseConfinedCommand(ConfinedCommand("/confine", confined)), IsOkAndHolds(confined));
  EXPECT_THAT(ParseConfinedCommand({"confine", "--all", "/", "--", "/e"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--all")));
  EXPECT_THAT(ParseConfinedCommand({"confine", "--read", "/"}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseConfinedCommand({"confine", "--"}), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace banger::vmd
