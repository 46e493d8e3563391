// Every command of README.md and docs/, typed as a reader would, in the order of each
// page. What registries and catalogs have on the internet comes from a registry of
// ours; the default image is Debian minbase with git and make. Comments in the pages
// (tests/docs/page.h) say what the reader has done before, and which commands another
// test runs; those are checked in docs_test.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/docs/page.h"
#include "tests/e2e/docs_reader.h"
#include "tests/e2e/oci_layout.h"
#include "tests/e2e/shared_instance.h"
#include "tests/integration/docker_registry.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using docs::Block;
using docs::Page;

bool IsRunHere(const Block& block) { return block.IsShell() && block.marks.elsewhere.empty(); }

std::vector<Page> PagesWithCommands() {
  std::vector<Page> pages = docs::UserPages(BANGER_SOURCE_DIR);
  std::erase_if(pages, [](const Page& page) { return std::ranges::none_of(page.blocks, IsRunHere); });
  return pages;
}

class DocsTest : public SharedInstanceTest, public ::testing::WithParamInterface<Page> {
 protected:
  static void SetUpTestSuite() {
    StartInstance();
    ASSERT_OK_AND_ASSIGN(world_, TempDir::Create("/tmp"));
    StartRegistry();
    ImportDefaultImage();
    images_ = Listed("image");
    kernels_ = Listed("kernel");
  }
  static void TearDownTestSuite() {
    registry_.reset();
    world_ = {};
    SharedInstanceTest::TearDownTestSuite();
  }
  void SetUp() override {
    ASSERT_NE(instance_, nullptr);
    before_ = instance_->Snapshot();
  }
  void TearDown() override {
    for (const std::string& vm : Names({"vm", "list", "-a", "-q"})) Run({"vm", "delete", "--force", vm});
    for (const std::string& image : Listed("image"))
      if (!images_.contains(image)) Succeeds({"image", "delete", image});
    for (const std::string& kernel : Listed("kernel"))
      if (!kernels_.contains(kernel)) Succeeds({"kernel", "rm", kernel});
    EXPECT_EQ(Changes(before_, instance_->Snapshot()), "");
  }

 private:
  static std::set<std::string> Names(std::vector<std::string> list) {
    const std::string out = Run(std::move(list)).out;
    std::vector<std::string> lines = absl::StrSplit(out, '\n', absl::SkipEmpty());
    return {lines.begin(), lines.end()};
  }
  // "images" and "kernels" have no -q.
  static std::set<std::string> Listed(const std::string& noun) {
    std::set<std::string> names;
    for (const std::string& line : Names({noun, "list"})) {
      const std::string name = line.substr(0, line.find(' '));
      if (name != "NAME") names.insert(name);
    }
    return names;
  }

  // What the pages take from Docker Hub, as imaged's mirror of it; busybox in each.
  static void StartRegistry() {
    ASSERT_OK_AND_ASSIGN(registry_, DockerRegistry::Start({}));
    const OciLayout layout(world_.path() / "layout");
    layout.Make("latest");
    layout.AddLayer("latest", BANGER_BUILD_DIR "/share/banger/mini.tar");
    const fs::path tar = world_.path() / "layout.tar";
    ASSERT_OK(RunCommandOk({.argv = {"tar", "-C", layout.dir(), "-cf", tar, "."}}));
    ASSERT_OK_AND_ASSIGN(const std::string packed, ReadFile(tar));
    for (const char* name : {"library/debian:bookworm", "library/alpine:3.20"})
      ASSERT_OK(registry_->Push(packed, name));
    ASSERT_OK(instance_->StopDaemon("imaged"));
    ASSERT_OK(WriteFileAtomically(
        instance_->root() / "config.toml",
        absl::StrCat("[[registries]]\nhost = \"docker.io\"\nmirrors = [\"", registry_->host(), "\"]\n"),
        0644));
    ASSERT_OK(instance_->StartDaemon("imaged"));
  }

  // The guest is the same distribution as we are.
  static void ImportDefaultImage() {
    const fs::path tar = world_.path() / "debian.tar";
    fs::copy(Assets() / "minbase.tar", tar);
    ASSERT_OK(RunCommandOk(
        {.argv = {"tar", "-C", "/", "-rf", tar, "usr/bin/git", "usr/bin/git-upload-pack", "usr/bin/make"}}));
    Succeeds({"image", "import", "debian-bookworm", "--from", tar, "--kernel-ref", "debian-6.1"});
    fs::remove(tar);
  }

  static inline TempDir world_;
  static inline std::unique_ptr<DockerRegistry> registry_;
  static inline std::set<std::string> images_, kernels_;
  HostSnapshot before_;
};

TEST_P(DocsTest, EveryCommandWorks) {
  const DocsReader reader(instance_->root());
  for (const Block& block : GetParam().blocks) {
    if (!IsRunHere(block)) continue;
    const CommandResult result = reader.Type(block);
    EXPECT_TRUE(result.status.success())
        << GetParam().path << ":" << block.line << ": " << result.status.ToString() << "\n"
        << result.out << result.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Pages, DocsTest, ::testing::ValuesIn(PagesWithCommands()), [](const auto& page) {
  std::string name = fs::path(page.param.path).stem();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace banger::e2e
