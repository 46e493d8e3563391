// Needs root and a mounted cgroup2; limits also its controllers, which e2e_cgroup
// sees to by running this program in a guest.
#include "services/vmd/adapters/cgroup_tree.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/os/subprocess.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/vmd/adapters/vmm_process.h"

namespace banger::vmd {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

std::string Text(const fs::path& file) {
  return std::string(absl::StripTrailingAsciiWhitespace(ReadFile(file).value_or("")));
}

TEST(NoCgroupTreeTest, HasNoGroupsAndAllIsWell) {
  const CgroupTree none;
  EXPECT_THAT(none.Make("a"), IsOkAndHolds(""));
  EXPECT_OK(none.Limit("a", {}));
  EXPECT_EQ(none.Find("a"), "");
  EXPECT_FALSE(none.RanOutOfMemory("a"));
  EXPECT_OK(none.Remove("a"));
}

TEST(NoCgroupTreeTest, ADirectoryThatIsNoCgroupIsRefusedByName) {
  EXPECT_THAT(CgroupTree::Open("/tmp").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("vmm_cgroup: '/tmp' is no cgroup")));
}

TEST(CgroupLimitsTest, AreTheMachinesAndWhatItsVmmNeedsBesides) {
  EXPECT_EQ(LimitsOf({.vcpu = 2, .memory_mib = 512}, 256),
            (CgroupLimits{.memory_bytes = 768 << 20, .cpus = 3, .threads = 130}));
}

class CgroupTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto own = OwnCgroup();
    if (::geteuid() != 0 || !own.ok()) GTEST_SKIP() << "needs root and cgroup2";
    fs::path root = *own;
    while (fs::exists(root.parent_path() / "cgroup.procs")) root = root.parent_path();
    tree_ = root / absl::StrCat("banger-test-", ::getpid());
    ASSERT_TRUE(fs::create_directory(tree_));
  }
  void TearDown() override {
    if (tree_.empty()) return;
    EXPECT_TRUE(Eventually([&] { return ::rmdir(tree_.c_str()) == 0; })) << "a group is left";
  }

  // A program in a VMM's place.
  static StartedVmm Start(const fs::path& cgroup, const std::string& what, const std::string& argument) {
    auto started = StartVmm({.launcher = BANGER_CONFINE,
                             .confined = {.cgroup = cgroup,
                                          .files = FilesOfTrial(BANGER_VMM_PROBE, "/none"),
                                          .argv = {BANGER_VMM_PROBE, what, argument}}});
    EXPECT_OK(started);
    return *std::move(started);
  }
  static bool IsIn(const fs::path& cgroup, pid_t pid) {
    return Text(cgroup / "cgroup.procs") == absl::StrCat(pid);
  }

  fs::path tree_;
};

TEST_F(CgroupTreeTest, AVmmIsInItsGroupAndEndsWithIt) {
  ASSERT_OK_AND_ASSIGN(const CgroupTree tree, CgroupTree::Open(tree_));
  ASSERT_OK_AND_ASSIGN(const fs::path group, tree.Make("a"));
  EXPECT_EQ(group, tree_ / "vm-a");
  EXPECT_EQ(tree.Find("a"), group);
  EXPECT_OK(tree.Limit("a", LimitsOf({.vcpu = 1, .memory_mib = 64}, 64)));
  StartedVmm vmm = Start(group, "wait", "-");
  EXPECT_TRUE(Eventually([&] { return IsIn(group, vmm.child.pid()); }));
  EXPECT_OK(tree.Remove("a"));
  ASSERT_OK_AND_ASSIGN(const ExitStatus status, vmm.child.Wait());
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_EQ(tree.Find("a"), "");
  EXPECT_OK(tree.Remove("a"));
}

TEST_F(CgroupTreeTest, AVmmThatCannotJoinItsGroupDoesNotRun) {
  StartedVmm vmm = Start(tree_ / "none", "wait", "-");
  ASSERT_OK_AND_ASSIGN(const ExitStatus status, vmm.child.Wait());
  EXPECT_EQ(status.code, 126);
  EXPECT_THAT(LastWords(vmm.complaints.get()), HasSubstr("none/cgroup.procs"));
}

TEST_F(CgroupTreeTest, GroupsOutliveUsAndEmptyOnesGoAtTheNextStart) {
  {
    ASSERT_OK_AND_ASSIGN(const CgroupTree tree, CgroupTree::Open(tree_));
    ASSERT_OK(tree.Make("alive").status());
    ASSERT_OK(tree.Make("ended").status());
  }
  StartedVmm vmm = Start(tree_ / "vm-alive", "wait", "-");
  EXPECT_TRUE(Eventually([&] { return IsIn(tree_ / "vm-alive", vmm.child.pid()); }));
  ASSERT_OK_AND_ASSIGN(const CgroupTree tree, CgroupTree::Open(tree_));
  EXPECT_EQ(tree.Find("ended"), "");
  EXPECT_TRUE(IsIn(tree.Find("alive"), vmm.child.pid()));
  EXPECT_OK(tree.Remove("alive"));
}

TEST_F(CgroupTreeTest, ATreeWithOthersInItIsRefused) {
  StartedVmm other = Start(tree_, "wait", "-");
  EXPECT_TRUE(Eventually([&] { return IsIn(tree_, other.child.pid()); }));
  EXPECT_THAT(CgroupTree::Open(tree_).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("other processes than vmd")));
}

// Status codes of a process of its own, as it gives up root.
int UseOwnCgroup(const fs::path& tree) {
  constexpr uid_t kNobody = 65534;
  for (const fs::path& part : {tree, tree / "cgroup.procs", tree / "cgroup.subtree_control"})
    if (::chown(part.c_str(), kNobody, kNobody) != 0) return 1;
  auto procs = OpenFile(tree / "cgroup.procs", O_WRONLY);
  if (!procs.ok() || !WriteFully(procs->get(), "0").ok()) return 2;
  procs->Reset();
  if (::setuid(kNobody) != 0) return 3;
  // As vmd's first start and, in the group that it then has for itself, its second.
  for (int start = 0; start < 2; ++start) {
    const auto groups = CgroupTree::Open("");
    if (!groups.ok() || groups->Make("a").value_or("") != tree / "vm-a") return 4;
    if (OwnCgroup().value_or("") != tree / "banger-vmd") return 5;
    if (!groups->Remove("a").ok()) return 6;
  }
  return 0;
}

TEST_F(CgroupTreeTest, TheOwnGroupIsTakenWhenItIsDelegated) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(UseOwnCgroup(tree_));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(Eventually([&] { return ::rmdir((tree_ / "banger-vmd").c_str()) == 0; }));
}

// Those tests that need controllers.
class CgroupLimitTest : public CgroupTreeTest {
 protected:
  void SetUp() override {
    CgroupTreeTest::SetUp();
    if (IsSkipped()) return;
    auto groups = CgroupTree::Open(tree_);
    ASSERT_OK(groups);
    groups_ = *std::move(groups);
    if (groups_.controllers().size() < 3) GTEST_SKIP() << "cgroup2 has no controllers here";
    ASSERT_OK(groups_.Make("a").status());
  }
  void TearDown() override {
    EXPECT_OK(groups_.Remove("a"));
    CgroupTreeTest::TearDown();
  }

  CgroupTree groups_;
};

TEST_F(CgroupLimitTest, TheKernelIsToldOfThem) {
  ASSERT_OK(groups_.Limit("a", {.memory_bytes = 96 << 20, .cpus = 2, .threads = 130}));
  const fs::path group = groups_.Find("a");
  EXPECT_EQ(Text(group / "memory.max"), absl::StrCat(96 << 20));
  EXPECT_EQ(Text(group / "cpu.max"), "200000 100000");
  EXPECT_EQ(Text(group / "cpu.weight"), "200");
  EXPECT_EQ(Text(group / "pids.max"), "130");
}

TEST_F(CgroupLimitTest, AVmmThatTakesMoreMemoryIsEndedForThat) {
  ASSERT_OK(groups_.Limit("a", {.memory_bytes = 32 << 20, .cpus = 1, .threads = 8}));
  EXPECT_FALSE(groups_.RanOutOfMemory("a"));
  StartedVmm vmm = Start(groups_.Find("a"), "use-memory", "64");
  ASSERT_OK_AND_ASSIGN(const ExitStatus status, vmm.child.Wait());
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_TRUE(groups_.RanOutOfMemory("a"));
}

}  // namespace
}  // namespace banger::vmd
