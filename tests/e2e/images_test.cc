// Kernels and images by every way in.
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/oci_layout.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;

class ImagesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto instance = Instance::Start();
    ASSERT_OK(instance);
    instance_.emplace(*std::move(instance));
    ASSERT_OK_AND_ASSIGN(work_, TempDir::Create("/tmp"));
  }
  CommandResult Run(std::vector<std::string> arguments) const {
    return instance_->Banger(std::move(arguments));
  }
  // An OCI layout with the minbase root file system as its one layer.
  fs::path MakeOciLayout() const {
    const OciLayout layout(work_.path() / "layout");
    layout.Make("latest");
    layout.AddLayer("latest", Assets() / "minbase.tar");
    layout.Configure("latest", {"--config.env", "FROM_IMAGE=yes", "--config.workingdir", "/usr"});
    return layout.dir();
  }

  std::optional<Instance> instance_;
  TempDir work_;
};

TEST_F(ImagesTest, AKernelComesFromADirectoryAndFromABundle) {
  const fs::path tree = work_.path() / "tree";
  ASSERT_OK(RunCommandOk({.argv = {"dpkg-deb", "-x", Assets() / "kernel.deb", tree}}));
  ASSERT_EQ(Run({"kernel", "import", "from-dir", "--from", tree}).status.code, 0);

  const fs::path bundle = work_.path() / "bundle.tar.zst";
  const fs::path stored = instance_->root() / "state/kernels/from-dir";
  ASSERT_OK(RunCommandOk({.argv = {"tar", "--zstd", "-cf", bundle, "-C", stored, "."}}));
  const CommandResult imported = Run({"kernel", "import", "from-bundle", "--from", bundle});
  ASSERT_EQ(imported.status.code, 0) << imported.err;
  ASSERT_EQ(Run({"kernel", "rm", "from-dir"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "run", "--rm", "--image", "mini", "--", "true"}).status.code, 0);
}

TEST_F(ImagesTest, AnOciLayoutRunsWithItsConfigAndOutlivesItsKernel) {
  ASSERT_OK(instance_->ImportKernel());
  const CommandResult imported =
      Run({"image", "import", "oci", "--from", MakeOciLayout(), "--kernel-ref", "debian-6.1"});
  ASSERT_EQ(imported.status.code, 0) << imported.err;
  ASSERT_EQ(Run({"kernel", "rm", "debian-6.1"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "run", "--rm", "--image", "oci", "--", "sh", "-c", "echo $FROM_IMAGE; pwd"}).out,
            "yes\n/usr\n");
  EXPECT_EQ(Run({"image", "delete", "oci"}).status.code, 0);
  EXPECT_EQ(Run({"image", "show", "oci"}).status.code, 3);
}

TEST_F(ImagesTest, ACompressedTarComesThroughStandardInput) {
  ASSERT_OK(instance_->ImportKernel());
  const fs::path packed = work_.path() / "minbase.tar.zst";
  ASSERT_OK(RunCommandOk({.argv = {"zstd", "-q", "-1", Assets() / "minbase.tar", "-o", packed}}));
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(packed, 1 << 30));
  const CommandResult imported = instance_->Banger({"image", "import", "i", "--from", "-"}, bytes);
  EXPECT_EQ(imported.status.code, 0) << imported.err;
  const auto rootfs = instance_->root() / "state/images/i/rootfs.ext4";
  EXPECT_OK(RunCommandOk({.argv = {"e2fsck", "-fn", rootfs}}));
}

}  // namespace
}  // namespace banger::e2e
