// VMMs in cgroups of their own: on this host as far as its cgroup2 goes, and with all
// controllers in a guest, which runs vmd's own test of them.
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class CgroupTest : public ::testing::Test {
 protected:
  void Start(const InstanceOptions& options = {}) {
    auto instance = Instance::Start(options);
    ASSERT_OK(instance);
    instance_.emplace(*std::move(instance));
    ASSERT_OK(instance_->ImportKernel());
  }
  CommandResult Run(std::vector<std::string> arguments) const {
    return instance_->Banger(std::move(arguments));
  }
  void Succeed(std::vector<std::string> arguments) const {
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.status.code, 0) << arguments[1] << ": " << result.err;
  }
  nlohmann::json Show() const {
    return nlohmann::json::parse(Run({"vm", "show", "box"}).out, nullptr, false);
  }

  std::optional<Instance> instance_;
};

// A tree that is delegated to the daemons' user, with all of this test below it.
class Delegation {
 public:
  static absl::StatusOr<Delegation> Create() {
    BANGER_ASSIGN_OR_RETURN(TempDir dir, TempDir::Create("/tmp"));
    ::chmod(dir.path().c_str(), 0755);
    // For this program alone, which the harness does the same to.
    if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
        ::mount("cgroup2", dir.path().c_str(), "cgroup2", 0, nullptr) < 0)
      return ErrnoError(errno, "mount cgroup2");
    Delegation delegation(std::move(dir));
    const fs::path tree = delegation.tree();
    fs::create_directories(tree / "rest");
    BANGER_RETURN_IF_ERROR(Join(tree / "rest"));
    for (const fs::path& part : {tree, tree / "cgroup.procs", tree / "cgroup.subtree_control"})
      if (::chown(part.c_str(), kDaemonUid, kDaemonUid) < 0) return ErrnoError(errno, part.string());
    return delegation;
  }
  Delegation(Delegation&&) = default;
  Delegation& operator=(Delegation&&) = delete;
  ~Delegation() {
    if (mount_.path().empty()) return;
    EXPECT_OK(Join(mount_.path()));
    EXPECT_TRUE(Eventually([&] { return ::rmdir((tree() / "rest").c_str()) == 0; }));
    EXPECT_EQ(::rmdir(tree().c_str()), 0) << "a group is left";
    // Never to be cleared out as a directory of ours would be.
    if (::umount2(mount_.path().c_str(), MNT_DETACH) < 0) mount_.Release();
  }

  fs::path tree() const { return mount_.path() / absl::StrCat("banger-e2e-", ::getpid()); }

 private:
  explicit Delegation(TempDir mount) : mount_(std::move(mount)) {}
  static absl::Status Join(const fs::path& group) {
    BANGER_ASSIGN_OR_RETURN(const UniqueFd processes, OpenFile(group / "cgroup.procs", O_WRONLY));
    return WriteFully(processes.get(), "0");
  }

  TempDir mount_;
};

TEST_F(CgroupTest, AVmmHasItsGroupWhileItRunsWhateverDies) {
  if (::geteuid() != 0) GTEST_SKIP() << "delegates as root";
  ASSERT_OK_AND_ASSIGN(const Delegation delegation, Delegation::Create());
  const fs::path tree = delegation.tree();
  Start({.config = absl::StrCat("vmm_cgroup = \"", tree.string(), "\"\n")});
  const auto groups = [&] {
    int found = 0;
    for (const auto& entry : fs::directory_iterator(tree))
      found += entry.path().filename().string().starts_with("vm-") ? 1 : 0;
    return found;
  };
  Succeed({"vm", "create", "--name", "box", "--image", "mini"});
  const nlohmann::json running = Show();
  const fs::path group = tree / absl::StrCat("vm-", running["uid"].get<std::string>());
  const std::string vmm = absl::StrCat(running["pid"].get<int>(), "\n");
  EXPECT_THAT(ReadFile(group / "cgroup.procs"), IsOkAndHolds(vmm));

  instance_->CrashDaemon("vmd");
  ASSERT_OK(instance_->StartDaemon("vmd"));
  EXPECT_THAT(ReadFile(group / "cgroup.procs"), IsOkAndHolds(vmm));
  Succeed({"vm", "stop", "box"});
  EXPECT_EQ(groups(), 0);

  Succeed({"vm", "start", "box"});
  const int second = Show()["pid"].get<int>();
  instance_->CrashDaemon("vmd");
  ::kill(second, SIGKILL);
  EXPECT_EQ(groups(), 1);
  ASSERT_OK(instance_->StartDaemon("vmd"));
  EXPECT_TRUE(Eventually([&] { return groups() == 0; }));
  Succeed({"vm", "delete", "--force", "box"});
  instance_.reset();
}

// The program with all that it needs, as a tar for a guest that has a libc.
void PackTest(const fs::path& work) {
  const fs::path libraries = work / "tree/usr/lib/x86_64-linux-gnu";
  const fs::path build = BANGER_BUILD_DIR;
  ASSERT_OK(MakeDirectories(libraries, 0755));
  for (const fs::path& program : {build / "tests/vmd_cgroup_test", build / "tests/vmm_probe",
                                  build / "libexec/banger/banger-confine"}) {
    const fs::path copy = work / "tree" / program.relative_path();
    ASSERT_OK(MakeDirectories(copy.parent_path(), 0755));
    ASSERT_OK(RunCommandOk({.argv = {"strip", "-o", copy, program}}));
    ASSERT_OK_AND_ASSIGN(const std::string needed, RunCommandOk({.argv = {"ldd", program}}));
    for (const absl::string_view line : absl::StrSplit(needed, '\n')) {
      const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
      if (words.size() > 2 && words[1] == "=>")
        fs::copy_file(words[2], libraries / fs::path(words[2]).filename(), fs::copy_options::skip_existing);
    }
  }
  ASSERT_OK(RunCommandOk({.argv = {"tar", "-cf", work / "test.tar", "-C", work / "tree", "."}}));
}

TEST_F(CgroupTest, LimitsHoldWhereThereAreControllers) {
  Start();
  ASSERT_OK(instance_->ImportImage("minbase"));
  ASSERT_OK_AND_ASSIGN(const TempDir work, TempDir::Create("/tmp"));
  PackTest(work.path());
  Succeed({"vm", "create", "--name", "box", "--image", "minbase", "--memory", "1G"});
  Succeed({"vm", "cp", work.path() / "test.tar", "box:/tmp/test.tar"});
  Succeed({"vm", "exec", "box", "--", "sh", "-c",
           "tar -x --skip-old-files --keep-directory-symlink -f /tmp/test.tar -C / && "
           "ldconfig && "
           "echo '+cpu +memory +pids' > /sys/fs/cgroup/cgroup.subtree_control"});
  const CommandResult tested =
      Run({"vm", "exec", "box", "--", fs::path(BANGER_BUILD_DIR) / "tests/vmd_cgroup_test"});
  EXPECT_EQ(tested.status.code, 0) << tested.out << tested.err;
  EXPECT_THAT(tested.out, Not(HasSubstr("SKIPPED")));
  EXPECT_THAT(tested.out, HasSubstr("CgroupLimitTest.AVmmThatTakesMoreMemoryIsEndedForThat"));
  Succeed({"vm", "delete", "--force", "box"});
}

}  // namespace
}  // namespace banger::e2e
