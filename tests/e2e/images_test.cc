// Kernels and images by every way in.
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/oci_layout.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

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

// By the distribution's buildah, whose storage is kept out of the host's.
TEST_F(ImagesTest, ADockerfileOnDebianIsBuiltAndRuns) {
  ASSERT_OK(instance_->ImportKernel());
  const fs::path dir = work_.path() / "app";
  fs::create_directory(dir);
  ASSERT_OK(
      WriteFileAtomically(dir / "hello", "#!/bin/sh\necho \"$GREETING from $(id -un) in $PWD\"\n", 0755));
  ASSERT_OK(WriteFileAtomically(dir / "Dockerfile",
                                "FROM scratch AS app\n"
                                "ADD minbase.tar /\n"
                                "ARG GREETING=hello\n"
                                "ENV GREETING=$GREETING\n"
                                "COPY hello /usr/bin/hello\n"
                                "RUN useradd worker && rm -r /usr/share/doc && ln -s hello /usr/bin/hi\n"
                                "USER worker\n"
                                "WORKDIR /srv\n"
                                "ENTRYPOINT [\"hi\"]\n"
                                "FROM scratch AS broken\n"
                                "COPY nothing /\n"));
  fs::copy_file(Assets() / "minbase.tar", dir / "minbase.tar");
  const fs::path storage = work_.path() / "storage.conf";
  ASSERT_OK(WriteFileAtomically(
      storage, absl::StrCat("[storage]\ndriver = \"vfs\"\nrunroot = \"", (work_.path() / "run").string(),
                            "\"\ngraphroot = \"", (work_.path() / "graph").string(), "\"\n")));
  const auto build = [&](const std::string& stage) {
    return *RunCommand(
        {.argv = {BuildProgram("banger"), "image", "build", dir, "--target", stage, "--build-arg",
                  "GREETING=hei"},
         .env = std::vector<std::string>{
             absl::StrCat("BANGER_ROOT=", instance_->root().string()), "BUILDAH_ISOLATION=chroot",
             absl::StrCat("CONTAINERS_STORAGE_CONF=", storage.string()),
             absl::StrCat("TMPDIR=", work_.path().string()), "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}});
  };
  const CommandResult broken = build("broken");
  EXPECT_EQ(broken.status.code, 1);
  EXPECT_THAT(broken.err, HasSubstr("build image 'app': 'buildah build' failed: exit code"));
  EXPECT_EQ(Run({"image", "show", "app"}).status.code, 3);

  const CommandResult built = build("app");
  ASSERT_EQ(built.out, "app\n") << built.err;
  EXPECT_THAT(Run({"image", "list"}).out, HasSubstr("import:app"));
  EXPECT_EQ(Run({"vm", "run", "--rm", "--image", "app", "--entrypoint"}).out, "hei from worker in /srv\n");
  EXPECT_EQ(Run({"vm", "run", "--rm", "--image", "app", "--", "ls", "/usr/share/doc"}).status.code, 2);
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
