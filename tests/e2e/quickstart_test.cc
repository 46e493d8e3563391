// The first command of the README, as it stands there: on this host's own network, with
// packages, kernel and image from the distribution's archive.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;

TEST(QuickstartTest, AFreshCloneEndsInAVm) {
  ASSERT_OK_AND_ASSIGN(const TempDir root, TempDir::Create("/tmp"));
  ASSERT_EQ(::chmod(root.path().c_str(), 0755), 0);
  const std::vector<std::string> environment = {
      absl::StrCat("BANGER_ROOT=", root.path().string()),
      absl::StrCat("PRESET=", std::filesystem::path(BANGER_BUILD_DIR).filename().string()),
      absl::StrCat("HOME=", std::getenv("HOME")), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
  const auto script = [&](std::vector<std::string> argv) {
    argv[0] = absl::StrCat(BANGER_SOURCE_DIR, "/scripts/", argv[0]);
    return *RunCommand({.argv = argv, .env = environment});
  };
  const CommandResult started = script({"quickstart"});
  EXPECT_TRUE(started.status.success()) << started.err;
  EXPECT_THAT(started.out, HasSubstr("GNU/Linux"));
  EXPECT_EQ(script({"dev", "banger", "vm", "list", "-a", "-q"}).out, "") << "the first VM was deleted";
  // What README's examples need of the default image.
  EXPECT_TRUE(script({"dev", "banger", "vm", "run", "--rm", "--", "git", "--version"}).status.success());
  EXPECT_TRUE(script({"dev", "banger", "vm", "run", "--rm", "--", "make", "--version"}).status.success());
  EXPECT_THAT(script({"dev", "banger", "image", "list"}).out, HasSubstr("debian-bookworm"));
  const CommandResult down = script({"dev", "down"});
  EXPECT_TRUE(down.status.success()) << down.err;
  EXPECT_FALSE(script({"dev", "status"}).status.success());
}

}  // namespace
}  // namespace banger::e2e
