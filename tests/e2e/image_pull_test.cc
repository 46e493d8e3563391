// Images of a registry, from the login to the running guest.
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"
#include "tests/integration/docker_registry.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class ImagePullTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto instance = Instance::Start();
    ASSERT_OK(instance);
    instance_.emplace(*std::move(instance));
    ASSERT_OK(instance_->ImportKernel());
    ASSERT_OK_AND_ASSIGN(work_, TempDir::Create("/tmp"));
  }

  // A registry with the minbase root file system as team/deb:v1.
  void StartRegistry(DockerRegistry::Auth auth) {
    ASSERT_OK_AND_ASSIGN(registry_, DockerRegistry::Start({.auth = auth}));
    const fs::path layout = work_.path() / "layout";
    const std::string image = layout.string() + ":latest";
    ASSERT_OK(RunCommandOk({.argv = {"umoci", "init", "--layout", layout}}));
    ASSERT_OK(RunCommandOk({.argv = {"umoci", "new", "--image", image}}));
    ASSERT_OK(
        RunCommandOk({.argv = {"umoci", "raw", "add-layer", "--image", image, Assets() / "minbase.tar"}}));
    ASSERT_OK(
        RunCommandOk({.argv = {"umoci", "config", "--image", image, "--config.env", "FROM_IMAGE=yes"}}));
    ASSERT_OK_AND_ASSIGN(const std::string tar, PackLayout(layout));
    ASSERT_OK(registry_->Push(tar, "team/deb:v1"));
  }

  absl::StatusOr<std::string> PackLayout(const fs::path& layout) const {
    const fs::path tar = work_.path() / "layout.tar";
    const absl::Status packed = RunCommandOk({.argv = {"tar", "-C", layout, "-cf", tar, "."}}).status();
    if (!packed.ok()) return packed;
    return ReadFile(tar, std::int64_t{1} << 30);
  }

  std::string Reference() const { return registry_->host() + "/team/deb:v1"; }
  CommandResult Run(std::vector<std::string> arguments, const std::string& input = {}) const {
    return instance_->Banger(std::move(arguments), input);
  }

  std::optional<Instance> instance_;
  TempDir work_;
  std::unique_ptr<DockerRegistry> registry_;
};

TEST_F(ImagePullTest, APrivateImageIsPulledAfterALoginAndRuns) {
  StartRegistry(DockerRegistry::Auth::kBasic);
  const std::string logins = (work_.path() / "logins.json").string();
  const CommandResult refused = Run({"image", "pull", Reference()});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("REGISTRY_LOGIN_NEEDED"));
  EXPECT_EQ(
      Run({"image", "login", registry_->host(), "-u", "user", "--password-stdin", "--auth-file", logins},
          "no\n")
          .status.code,
      1);
  EXPECT_FALSE(fs::exists(logins));
  const CommandResult login =
      Run({"image", "login", registry_->host(), "-u", "user", "--password-stdin", "--auth-file", logins},
          "s3cret\n");
  ASSERT_EQ(login.status.code, 0) << login.err;

  const CommandResult pulled = Run({"image", "pull", Reference(), "--auth-file", logins});
  ASSERT_EQ(pulled.status.code, 0) << pulled.err;
  EXPECT_EQ(pulled.out, "deb-v1\n");
  EXPECT_THAT(Run({"image", "show", "deb-v1"}).out, HasSubstr("pull:" + Reference()));
  EXPECT_OK(RunCommandOk({.argv = {"e2fsck", "-fn", instance_->root() / "state/images/deb-v1/rootfs.ext4"}}));
  const CommandResult again = Run({"image", "pull", Reference(), "--auth-file", logins});
  EXPECT_EQ(again.status.code, 0) << again.err;
  EXPECT_EQ(Run({"vm", "run", "--rm", "--image", "deb-v1", "--", "sh", "-c",
                 "echo $FROM_IMAGE; cat /etc/debian_version"})
                .out.substr(0, 6),
            "yes\n12");

  EXPECT_EQ(Run({"image", "logout", registry_->host(), "--auth-file", logins}).status.code, 0);
  EXPECT_EQ(Run({"image", "pull", Reference(), "--name", "other", "--auth-file", logins}).status.code, 1);
  for (const std::string& daemon : instance_->daemons())
    EXPECT_THAT(ReadFile(instance_->Log(daemon)).value_or(""), Not(HasSubstr("s3cret"))) << daemon;
}

TEST_F(ImagePullTest, AVmPullsTheImageThatIsNotHere) {
  StartRegistry(DockerRegistry::Auth::kNone);
  const CommandResult run = Run({"vm", "run", "--rm", "--image", Reference(), "--", "cat", "/etc/hostname"});
  EXPECT_EQ(run.status.code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("image 'deb-v1' is not here and will be pulled"));
  EXPECT_THAT(run.err, HasSubstr("resolve " + Reference()));
  const CommandResult again = Run({"vm", "run", "--rm", "--image", Reference(), "--", "true"});
  EXPECT_EQ(again.status.code, 0) << again.err;
  EXPECT_THAT(again.err, Not(HasSubstr("pulled")));
  const CommandResult none =
      Run({"vm", "run", "--rm", "--image", registry_->host() + "/team/none", "--", "true"});
  EXPECT_EQ(none.status.code, 3);
  EXPECT_THAT(none.err, HasSubstr("REMOTE_IMAGE_NOT_FOUND"));
  EXPECT_EQ(Run({"vm", "list", "-a", "-q"}).out, "");
}

}  // namespace
}  // namespace banger::e2e
