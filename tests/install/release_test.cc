// scripts/release, of the build that is being tested.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "common/version/version.h"
#include "services/vmd/adapters/sqlite_store.h"
#include "tests/install/installation.h"

namespace banger {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class ReleaseScriptTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(OutputOf({"minisign", "-G", "-W", "-p", key_ / "key.pub", "-s", key_ / "key"}).status());
  }

  CommandResult Release(std::vector<std::string> words) const {
    words.insert(words.begin(), BANGER_SOURCE_DIR "/scripts/release");
    return *RunCommand(
        {.argv = words, .env = std::vector<std::string>{"PATH=/usr/bin:/bin", "ZSTD_CLEVEL=1"}});
  }
  CommandResult Release() const {
    return Release({"--build", BANGER_BUILD_DIR, "--key", key_ / "key", directory_.path()});
  }
  std::string File(const std::string& name) const {
    return ReadFile(directory_.path() / name, std::int64_t{1} << 30).value_or("(none)");
  }

  const TempDir directory_ = *TempDir::Create();
  const TempDir key_dir_ = *TempDir::Create();
  const fs::path key_ = key_dir_.path();
};

TEST_F(ReleaseScriptTest, TheTreeIsSignedAndHasTheWholeInstallation) {
  const CommandResult made = Release();
  ASSERT_TRUE(made.status.success()) << made.err;
  const std::string name = absl::StrCat("banger-", GetBuildInfo().version, "-linux-x86_64");
  EXPECT_THAT(FilesBelow(directory_.path()),
              ElementsAreArray(
                  {name + ".tar.zst", std::string("releases.json"), std::string("releases.json.minisig")}));
  EXPECT_OK(OutputOf({"minisign", "-V", "-p", key_ / "key.pub", "-m", directory_.path() / "releases.json"})
                .status());

  const auto list = nlohmann::json::parse(File("releases.json"));
  EXPECT_EQ(list["version"], 1);
  ASSERT_EQ(list["entries"].size(), 1u);
  const auto& release = list["entries"][0];
  const std::string tarball = File(name + ".tar.zst");
  EXPECT_EQ(release["name"], name);
  EXPECT_EQ(release["version"], GetBuildInfo().version);
  EXPECT_EQ(release["commit"], GetBuildInfo().commit);
  EXPECT_EQ(release["tarball_url"], name + ".tar.zst");
  EXPECT_EQ(release["tarball_sha256"], Sha256Hex(tarball));
  EXPECT_EQ(release["size_bytes"], tarball.size());
  EXPECT_EQ(release["store_version"], vmd::StoreMigrations().size());

  const TempDir unpacked = *TempDir::Create();
  const TempDir installed = *TempDir::Create();
  ASSERT_OK(
      OutputOf({"tar", "-C", unpacked.path(), "-xf", directory_.path() / (name + ".tar.zst")}).status());
  ASSERT_OK(Install(installed.path()));
  EXPECT_THAT(FilesBelow(unpacked.path()), ElementsAreArray(FilesBelow(installed.path())));
}

TEST_F(ReleaseScriptTest, TheSameBuildIsTheSameRelease) {
  ASSERT_TRUE(Release().status.success());
  const std::string before = File("releases.json");
  const std::string name = absl::StrCat("banger-", GetBuildInfo().version, "-linux-x86_64.tar.zst");
  const std::string tarball = File(name);
  ASSERT_TRUE(Release().status.success());
  EXPECT_EQ(File("releases.json"), before);
  EXPECT_EQ(File(name), tarball);
  // An entry that changes makes a newer list.
  ASSERT_TRUE(
      Release({"--build", BANGER_BUILD_DIR, "--url", "https://example.org/banger/", directory_.path()})
          .status.success());
  const auto list = nlohmann::json::parse(File("releases.json"));
  EXPECT_EQ(list["version"], 2);
  EXPECT_EQ(list["entries"][0]["tarball_url"], "https://example.org/banger/" + name);
  EXPECT_EQ(File("releases.json.minisig"), "(none)") << "it was over other bytes";
}

TEST_F(ReleaseScriptTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(Release(std::vector<std::string>{}).err, HasSubstr("scripts/release [OPTIONS] DIR"));
  EXPECT_THAT(Release({"--build", "/nowhere", directory_.path()}).err,
              HasSubstr("'/nowhere' is no build of banger"));
  EXPECT_THAT(Release({"--build", BANGER_BUILD_DIR, "--url", "ftp://x", directory_.path()}).err,
              HasSubstr("is no http address"));
  ASSERT_OK(WriteFileAtomically(directory_.path() / "releases.json", "[]"));
  const CommandResult refused = Release();
  EXPECT_THAT(refused.err, HasSubstr("is no list of releases"));
  EXPECT_EQ(refused.status.code, 1);
}

}  // namespace
}  // namespace banger
