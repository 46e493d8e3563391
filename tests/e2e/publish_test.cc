// A kernel's whole way: published with scripts/publish-kernel.sh to a directory
// behind a web server, pulled through a signed catalog, and booted.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/catalog_site.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kName[] = "generic-6.1";

class PublishTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto instance = Instance::Start({.netd = false, .own_network = false, .config = site_.Config("kernel")});
    ASSERT_OK(instance);
    banger_.emplace(*std::move(instance));
  }
  CommandResult Publish(const std::string& base_url) const {
    return *RunCommand(
        {.argv = {BANGER_SOURCE_DIR "/scripts/publish-kernel.sh", "--directory", site_.web(), "--catalog",
                  site_.catalog(), "--key", site_.key(), "--description", "a test", kName},
         .env = std::vector<std::string>{
             "PATH=/usr/bin:/bin", "ZSTD_CLEVEL=3", absl::StrCat("BASE_URL=", base_url),
             absl::StrCat("BANGER_KERNELS_DIR=", (banger_->root() / "state/kernels").string())}});
  }
  // kerneld without its copy of the catalog, as on a new host.
  void ForgetCatalogs() {
    ASSERT_OK(banger_->StopDaemon("kerneld"));
    fs::remove_all(banger_->root() / "state/kernel-catalogs");
    ASSERT_OK(banger_->StartDaemon("kerneld"));
  }
  std::string Available() const { return banger_->Banger({"kernel", "list", "--available"}).out; }

  const CatalogSite site_;
  std::optional<Instance> banger_;
};

TEST_F(PublishTest, APublishedKernelIsPulledAndBoots) {
  ASSERT_EQ(banger_->Banger({"kernel", "import", kName, "--from", Assets() / "kernel.deb"}).status.code, 0);
  const CommandResult published = Publish(site_.Url(""));
  ASSERT_TRUE(published.status.success()) << published.err;
  EXPECT_THAT(published.err, HasSubstr("next: banger kernel list --available"));
  EXPECT_THAT(Available(), HasSubstr("update")) << "what is here was imported";
  ASSERT_EQ(banger_->Banger({"kernel", "rm", kName}).status.code, 0);
  EXPECT_THAT(Available(), HasSubstr(absl::StrCat("available   ", site_.Url("/catalog.json"))));

  const CommandResult pulled = banger_->Banger({"kernel", "pull", kName});
  ASSERT_EQ(pulled.out, absl::StrCat(kName, "\n")) << pulled.err;
  EXPECT_THAT(Available(), HasSubstr("pulled"));
  EXPECT_THAT(banger_->Banger({"kernel", "show", kName}).out,
              HasSubstr("\"source\": \"pull:http://127.0.0.1"));
  EXPECT_TRUE(fs::is_empty(banger_->root() / "state/kernels/.staging"));
  const CommandResult booted = banger_->Banger({"vm", "run", "--rm", "--image", "mini", "--", "uname", "-r"});
  EXPECT_EQ(booted.status.code, 0) << booted.err;
  EXPECT_THAT(booted.out, HasSubstr("6.1."));

  // The same kernel again is the same file and no new version.
  const std::string before = *ReadFile(site_.catalog());
  ASSERT_TRUE(Publish(site_.Url("")).status.success());
  EXPECT_THAT(before, HasSubstr("\"version\": 2"));
  EXPECT_EQ(std::distance(fs::directory_iterator(site_.web()), fs::directory_iterator()), 3)
      << "tarball, catalog, signature";
}

TEST_F(PublishTest, WhatWasTamperedWithIsRefused) {
  ASSERT_EQ(banger_->Banger({"kernel", "import", kName, "--from", Assets() / "kernel.deb"}).status.code, 0);
  ASSERT_TRUE(Publish(site_.Url("")).status.success());
  ASSERT_EQ(banger_->Banger({"kernel", "rm", kName}).status.code, 0);

  const std::string good = *ReadFile(site_.web() / "catalog.json");
  std::string bad = good;
  bad.replace(bad.find("a test"), 6, "a trap");
  ASSERT_OK(WriteFileAtomically(site_.web() / "catalog.json", bad));
  ForgetCatalogs();
  const CommandResult refused = banger_->Banger({"kernel", "pull", kName});
  EXPECT_NE(refused.status.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("signature: it does not fit the content"));
  EXPECT_THAT(Available(), Not(HasSubstr(kName)));

  // A good catalog, and a tarball of the right size with one bit changed.
  ASSERT_OK(WriteFileAtomically(site_.web() / "catalog.json", good));
  std::string bytes = *ReadFile(site_.Tarball(), 1 << 30);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  ASSERT_OK(WriteFileAtomically(site_.Tarball(), bytes));
  ForgetCatalogs();
  EXPECT_THAT(banger_->Banger({"kernel", "pull", kName}).err, HasSubstr("KERNEL_CORRUPT"));
  EXPECT_EQ(banger_->Banger({"kernel", "list", "--format", "json"}).out.find(kName), std::string::npos);
  EXPECT_TRUE(fs::is_empty(banger_->root() / "state/kernels/.staging"));
}

TEST_F(PublishTest, AnUploadThatNobodyCanFetchChangesNoCatalog) {
  ASSERT_EQ(banger_->Banger({"kernel", "import", kName, "--from", Assets() / "kernel.deb"}).status.code, 0);
  const CommandResult elsewhere = Publish(site_.Url("/not/there"));
  EXPECT_FALSE(elsewhere.status.success());
  EXPECT_THAT(elsewhere.err, HasSubstr("cannot be fetched"));
  EXPECT_THAT(ReadFile(site_.catalog()), IsOkAndHolds("{\"version\": 1, \"entries\": []}\n"));
  EXPECT_FALSE(Publish("http://kernels.example").status.success()) << "plain http";
}

}  // namespace
}  // namespace banger::e2e
