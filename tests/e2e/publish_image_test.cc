// An image's whole way: made, published with scripts/publish-image.sh to a directory
// behind a web server, pulled through a signed catalog by its name, and booted.
#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/catalog_site.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr char kScripts[] = BANGER_SOURCE_DIR "/scripts";

class PublishImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto instance = Instance::Start({.netd = false, .own_network = false, .config = site_.Config("image")});
    ASSERT_OK(instance);
    banger_.emplace(*std::move(instance));
    ASSERT_OK(banger_->ImportKernel());
  }

  CommandResult Script(std::vector<std::string> argv) const {
    argv[0] = absl::StrCat(kScripts, "/", argv[0]);
    const char* const path = std::getenv("PATH");
    return *RunCommand({.argv = std::move(argv),
                        .env = std::vector<std::string>{
                            absl::StrCat("PATH=", path == nullptr ? "/usr/bin:/bin" : path), "ZSTD_CLEVEL=1",
                            "SOURCE_DATE_EPOCH=1700000000", absl::StrCat("BASE_URL=", site_.Url("")),
                            absl::StrCat("BANGER_ROOT=", banger_->root().string()),
                            absl::StrCat("BANGER=", BuildProgram("banger"))}});
  }
  CommandResult Publish(const std::string& name) const {
    return Script({"publish-image.sh", "--directory", site_.web(), "--catalog", site_.catalog(), "--key",
                   site_.key(), "--distro", "test", "--release", "1", "--description", "a test", name});
  }
  // imaged without its copy of the catalog, as on a new host.
  void ForgetCatalogs() {
    ASSERT_OK(banger_->StopDaemon("imaged"));
    fs::remove_all(banger_->root() / "state/image-catalogs");
    ASSERT_OK(banger_->StartDaemon("imaged"));
  }
  void ExpectPulledAndBooted(const std::string& name) {
    const CommandResult published = Publish(name);
    ASSERT_TRUE(published.status.success()) << published.err;
    EXPECT_THAT(published.err, HasSubstr("next: banger image list --available"));
    EXPECT_THAT(Banger({"image", "list", "--available"}).out, HasSubstr("update"))
        << "what is here was imported";
    ASSERT_EQ(Banger({"image", "delete", name}).status.code, 0);
    EXPECT_THAT(Banger({"image", "list", "--available"}).out,
                HasSubstr(absl::StrCat("available   ", site_.Url("/catalog.json"))));

    const CommandResult pulled = Banger({"image", "pull", name});
    ASSERT_EQ(pulled.out, absl::StrCat(name, "\n")) << pulled.err;
    EXPECT_THAT(Banger({"image", "list", "--available"}).out, HasSubstr("pulled"));
    EXPECT_THAT(Banger({"image", "show", name}).out, HasSubstr("\"source\": \"pull:http://127.0.0.1"));
    EXPECT_TRUE(fs::is_empty(banger_->root() / "state/images/.staging"));
    const CommandResult booted = Banger({"vm", "run", "--rm", "--image", name, "--", "echo", "it works"});
    EXPECT_EQ(booted.status.code, 0) << booted.err;
    EXPECT_EQ(booted.out, "it works\n");
  }
  CommandResult Banger(std::vector<std::string> arguments) const {
    return banger_->Banger(std::move(arguments));
  }

  const CatalogSite site_;
  std::optional<Instance> banger_;
};

TEST_F(PublishImageTest, APublishedImageIsPulledByItsNameAndBoots) {
  const fs::path bundle = banger_->root() / "mini.tar.zst";
  const CommandResult exported = Banger({"image", "export", "mini", "-o", bundle, "--format", "bundle"});
  ASSERT_EQ(exported.status.code, 0) << exported.err;
  ASSERT_EQ(Banger({"image", "import", "small", "--from", bundle}).status.code, 0);
  ExpectPulledAndBooted("small");

  // The same image again is the same file and no new version.
  const std::string before = *ReadFile(site_.catalog());
  EXPECT_THAT(before, HasSubstr("\"version\": 2"));
  ASSERT_TRUE(Publish("small").status.success());
  EXPECT_EQ(*ReadFile(site_.catalog()), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(site_.web()), fs::directory_iterator()), 3)
      << "bundle, catalog, signature";
}

TEST_F(PublishImageTest, ABundleThatWasTamperedWithIsRefused) {
  const fs::path bundle = banger_->root() / "mini.tar.zst";
  ASSERT_EQ(Banger({"image", "export", "mini", "-o", bundle, "--format", "bundle"}).status.code, 0);
  ASSERT_EQ(Banger({"image", "import", "small", "--from", bundle}).status.code, 0);
  ASSERT_TRUE(Publish("small").status.success());
  ASSERT_EQ(Banger({"image", "delete", "small"}).status.code, 0);
  std::string bytes = *ReadFile(site_.Tarball(), 1 << 30);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  ASSERT_OK(WriteFileAtomically(site_.Tarball(), bytes));
  ForgetCatalogs();
  EXPECT_THAT(Banger({"image", "pull", "small"}).err, HasSubstr("IMAGE_CORRUPT"));
  EXPECT_THAT(Banger({"image", "list"}).out, Not(HasSubstr("small")));
  EXPECT_TRUE(fs::is_empty(banger_->root() / "state/images/.staging"));
}

// Minutes of mmdebstrap, twice: for the label nightly. A container takes our kernel:
// BANGER_GENERIC_KERNEL names what make-generic-kernel.sh has made.
TEST_F(PublishImageTest, DISABLED_TheGoldenImage) {
  const std::string tar = banger_->root() / "golden.tar", again = banger_->root() / "again.tar";
  for (const std::string& file : {tar, again}) {
    const CommandResult made = Script({"make-golden-image.sh", "--tar", file, "golden"});
    ASSERT_TRUE(made.status.success()) << made.err;
  }
  EXPECT_OK(RunCommandOk({.argv = {"cmp", tar, again}}));
  ASSERT_EQ(Banger({"image", "import", "golden", "--from", tar}).status.code, 0);
  ExpectPulledAndBooted("golden");

  const char* const kernel = std::getenv("BANGER_GENERIC_KERNEL");
  if (kernel == nullptr) GTEST_SKIP() << "no kernel for containers";
  ASSERT_EQ(Banger({"kernel", "import", "generic-6.12", "--from", kernel}).status.code, 0);
  const CommandResult box = Banger({"image", "import", "box", "--from", tar, "--kernel-ref", "generic-6.12"});
  ASSERT_EQ(box.status.code, 0) << box.err;
  ASSERT_EQ(Banger({"vm", "create", "--name", "box", "--image", "box", "--memory", "1G"}).status.code, 0);
  EXPECT_TRUE(Eventually(
      [&] {
        return Banger({"vm", "exec", "box", "--", "docker", "info"}).status.code == 0;
      },
      300s));
  EXPECT_THAT(Banger({"vm", "exec", "box", "--", "docker", "info"}).out,
              HasSubstr("Storage Driver: overlay2"));
  const auto mini = ReadFile(BuildProgram("../share/banger/mini.tar"), 64 << 20);
  ASSERT_OK(mini);
  EXPECT_EQ(
      banger_->Banger({"vm", "exec", "-i", "box", "--", "docker", "import", "-", "mini"}, *mini).status.code,
      0);
  EXPECT_EQ(Banger({"vm", "exec", "box", "--", "docker", "run", "--rm", "mini", "echo", "from inside"}).out,
            "from inside\n");
  EXPECT_EQ(Banger({"vm", "exec", "box", "--", "systemctl", "is-system-running"}).out, "running\n");
}

}  // namespace
}  // namespace banger::e2e
