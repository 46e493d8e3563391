// What is wrong is named, costs the right exit code, and leaves nothing.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;

class WrongInputTest : public ::testing::Test {
 protected:
  void Start(const InstanceOptions& options = {}) {
    auto instance = Instance::Start(options);
    ASSERT_OK(instance);
    instance_.emplace(*std::move(instance));
  }
  void Expect(const std::vector<std::string>& arguments, int exit_code, const std::string& named) {
    const HostSnapshot before = instance_->Snapshot();
    const CommandResult result = instance_->Banger(arguments);
    const std::string command = ::testing::PrintToString(arguments);
    EXPECT_EQ(result.status.code, exit_code) << command << result.err;
    EXPECT_THAT(result.err, HasSubstr(named)) << command;
    EXPECT_EQ(Changes(before, instance_->Snapshot()), "") << command;
  }
  std::string File(const std::string& name, const std::string& content) {
    const auto path = instance_->root() / name;
    EXPECT_OK(WriteFileAtomically(path, content, 0644));
    return path;
  }

  std::optional<Instance> instance_;
};

TEST_F(WrongInputTest, NamesSizesAndThingsThatAreNotThere) {
  Start();
  ASSERT_OK(instance_->ImportKernel());
  Expect({"vm", "create", "--name", "Not_A_Label", "--image", "mini"}, 1, "Not_A_Label");
  Expect({"vm", "create", "--name", std::string(64, 'x'), "--image", "mini"}, 1, "VM_NAME_INVALID");
  Expect({"vm", "create", "--name", "box", "--image", "none"}, 3, "none");
  Expect({"vm", "create", "--name", "box", "--image", "../etc"}, 1, "../etc");
  Expect({"vm", "create", "--name", "box", "--image", "mini", "--vcpu", "0"}, 2, "vcpu");
  Expect({"vm", "create", "--name", "box", "--image", "mini", "--vcpu", "-1"}, 2, "vcpu");
  Expect({"vm", "create", "--name", "box", "--image", "mini", "--memory", "1"}, 2, "memory");
  Expect({"vm", "create", "--name", "box", "--image", "mini", "--memory", "1M"}, 1, "memory");
  Expect({"vm", "create", "--name", "box", "--image", "mini", "--vcpu", "9999"}, 1, "vcpu");
  Expect({"vm", "create", "--name", "box", "--image", "mini", "--disk-size", "1K"}, 1, "disk");
  Expect({"vm", "create", "--name", "box", "--image", "mini", "--disk-size", "big"}, 2, "big");
  Expect({"vm", "run", "-d", "--rm", "--image", "mini"}, 2, "--rm");
  for (const char* verb : {"start", "stop", "restart", "kill", "delete"})
    Expect({"vm", verb, "no-such-vm"}, 3, "no-such-vm");
  Expect({"vm", "show", "no-such-vm"}, 3, "no-such-vm");
  Expect({"vm", "logs", "no-such-vm"}, 3, "no-such-vm");
  Expect({"vm", "exec", "no-such-vm", "--", "true"}, 3, "no-such-vm");
  Expect({"vm", "list", "--format", "xml"}, 2, "xml");
  Expect({"kernel", "show", "none"}, 3, "none");
  Expect({"kernel", "rm", "none"}, 3, "none");
  Expect({"kernel", "pull", "none"}, 3, "none");
  Expect({"kernel", "import", "a/b", "--from", Assets() / "kernel.deb"}, 1, "a/b");
  Expect({"kernel", "import", "k", "--from", "/none/kernel.deb"}, 3, "/none/kernel.deb");
  Expect({"image", "show", "none"}, 3, "none");
  Expect({"image", "delete", "none"}, 3, "none");
  Expect({"image", "delete", "mini"}, 1, "mini");
  Expect({"image", "import", "i", "--from", "/none/root.tar"}, 3, "/none/root.tar");
  Expect({"image", "import", "i", "--from", Assets() / "minbase.tar", "--kernel-ref", "none"}, 3, "none");
  Expect({"frobnicate"}, 2, "frobnicate");
}

TEST_F(WrongInputTest, CorruptKernelsAndArchives) {
  Start();
  ASSERT_OK_AND_ASSIGN(const std::string deb, ReadFile(Assets() / "kernel.deb"));
  ASSERT_OK_AND_ASSIGN(const std::string tar, ReadFile(Assets() / "minbase.tar", std::int64_t{1} << 30));
  Expect({"kernel", "import", "k", "--from", File("short.deb", deb.substr(0, deb.size() / 2))}, 1, "k");
  Expect({"kernel", "import", "k", "--from", File("noise.deb", "!<arch>\nnoise")}, 1, "k");
  Expect({"kernel", "import", "k", "--from", File("noise", std::string(100000, 'x'))}, 1, "k");
  Expect({"image", "import", "i", "--from", File("short.tar", tar.substr(0, tar.size() / 2 + 100))}, 1, "i");
  Expect({"image", "import", "i", "--from", File("noise.tar", std::string(100000, 'x'))}, 1, "i");
  Expect({"image", "import", "i", "--from", File("empty.tar", "")}, 1, "i");
}

TEST_F(WrongInputTest, AFullDisk) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make a small file system";
  Start();
  ASSERT_OK(instance_->ImportKernel());
  const auto state = instance_->root() / "state";
  for (const char* daemon : {"imaged", "kerneld"}) ASSERT_OK(instance_->StopDaemon(daemon));
  ASSERT_EQ(::mount("tmpfs", (state / "images").c_str(), "tmpfs", 0, "size=20m,mode=777"), 0);
  ASSERT_EQ(::mount("tmpfs", (state / "kernels").c_str(), "tmpfs", 0, "size=20m,mode=777"), 0);
  for (const char* daemon : {"kerneld", "imaged"}) ASSERT_OK(instance_->StartDaemon(daemon));
  Expect({"image", "import", "i", "--from", Assets() / "minbase.tar"}, 1, "DISK_FULL");
  Expect({"kernel", "import", "k", "--from", Assets() / "kernel.deb"}, 1, "DISK_FULL");
  for (const char* daemon : {"imaged", "kerneld"}) ASSERT_OK(instance_->StopDaemon(daemon));
  ::umount((state / "images").c_str());
  ::umount((state / "kernels").c_str());
}

TEST_F(WrongInputTest, NoKernelNoQemuNoNetd) {
  Start({.netd = true, .config = "qemu_bin = \"/none/qemu\"\n"});
  Expect({"vm", "create", "--name", "box", "--image", "mini"}, 3, "NO_KERNEL");
  ASSERT_OK(instance_->ImportKernel());
  instance_->Banger({"vm", "create", "--image", "mini"});  // makes what is made once
  Expect({"vm", "create", "--name", "box", "--image", "mini"}, 1, "/none/qemu");
  if (::geteuid() == 0) {
    instance_->CrashDaemon("netd");
    // Its helpers follow it.
    ASSERT_TRUE(Eventually([&] { return instance_->Snapshot().processes.empty(); }));
    Expect({"vm", "create", "--name", "box", "--image", "mini"}, 4, "netd");
  }
}

TEST_F(WrongInputTest, DaemonsThatAreDown) {
  Start();
  ASSERT_OK(instance_->StopDaemon("vmd"));
  EXPECT_EQ(instance_->Banger({"vm", "list"}).status.code, 4);
  EXPECT_THAT(instance_->Banger({"vm", "list"}).err, HasSubstr("vmd"));
  ASSERT_OK(instance_->StopDaemon("gateway"));
  const CommandResult result = instance_->Banger({"vm", "list"});
  EXPECT_EQ(result.status.code, 4);
  EXPECT_THAT(result.err, HasSubstr("gateway.sock"));
}

}  // namespace
}  // namespace banger::e2e
