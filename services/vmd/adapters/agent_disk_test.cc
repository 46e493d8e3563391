#include "services/vmd/adapters/agent_disk.h"

#include <sys/stat.h>

#include <optional>

#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::vmd {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AgentDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    Write("banger-agent", "#!agent 1");
    Write("guest/dropbear", "ssh server");
    Write("guest/ld.so", "loader");
    disk_.emplace(dir_.path() / "agent", dir_.path() / "banger-agent", dir_.path() / "guest");
  }
  void Write(const std::string& name, const std::string& content) const {
    ASSERT_OK(MakeDirectories((dir_.path() / name).parent_path()));
    ASSERT_OK(WriteFileAtomically(dir_.path() / name, content, 0600));
  }
  static std::string Debugfs(const std::string& command, const fs::path& disk) {
    return RunCommandOk({.argv = {"/sbin/debugfs", "-R", command, disk.string()}}).value_or("");
  }
  static ino_t Inode(const fs::path& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_ino;
  }

  TempDir dir_;
  std::optional<AgentDisk> disk_;
};

TEST_F(AgentDiskTest, HasTheAgentAndItsTools) {
  ASSERT_OK_AND_ASSIGN(const fs::path disk, disk_->Get());
  EXPECT_OK(RunCommandOk({.argv = {"/sbin/e2fsck", "-fn", disk.string()}}));
  EXPECT_EQ(Debugfs("cat /banger-agent", disk), "#!agent 1");
  EXPECT_EQ(Debugfs("cat /guest/dropbear", disk), "ssh server");
  EXPECT_EQ(Debugfs("cat /guest/ld.so", disk), "loader");
  // For every user of the guest.
  EXPECT_THAT(Debugfs("stat /guest/ld.so", disk), HasSubstr("Mode:  0755"));
}

TEST_F(AgentDiskTest, IsMadeOnceAndAnewWhenAFileOfItChanges) {
  ASSERT_OK_AND_ASSIGN(const fs::path first, disk_->Get());
  const ino_t inode = Inode(first);
  EXPECT_THAT(disk_->Get(), IsOkAndHolds(first));
  EXPECT_EQ(Inode(first), inode);

  Write("banger-agent", "#!agent 22");
  ASSERT_OK_AND_ASSIGN(const fs::path second, disk_->Get());
  EXPECT_NE(first, second);
  EXPECT_TRUE(fs::exists(first));  // a VM may be about to start with it

  Write("guest/ld.so", "LOADER");
  ASSERT_OK_AND_ASSIGN(const fs::path third, disk_->Get());
  EXPECT_EQ(Debugfs("cat /guest/ld.so", third), "LOADER");
  fs::rename(dir_.path() / "guest/ld.so", dir_.path() / "guest/ld.so.2");
  ASSERT_OK_AND_ASSIGN(const fs::path fourth, disk_->Get());
  EXPECT_NE(third, fourth);
}

TEST_F(AgentDiskTest, OldOnesAndInterruptedBuildsGoWithTheNextBuild) {
  const fs::path dir = dir_.path() / "agent";
  Write("agent/banger.killed/agent.ext4", "half");
  Write("agent/0123456789abcdef.ext4", "of an earlier version");
  ASSERT_OK_AND_ASSIGN(const fs::path disk, disk_->Get());
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(dir)) left.push_back(entry.path());
  EXPECT_THAT(left, ElementsAre(disk));
}

TEST_F(AgentDiskTest, AnInstallationWithoutToolsIsNamed) {
  ASSERT_OK(RemoveTree(dir_.path() / "guest"));
  EXPECT_THAT(disk_->Get(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("guest")));
}

}  // namespace
}  // namespace banger::vmd
