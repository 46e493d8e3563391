// `banger update`, as far as it touches no host; e2e_update has the rest.
#include "absl/strings/str_cat.h"
#include "cli/testing/cli_fixture.h"
#include "common/digest/testing/minisign_signer.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "common/version/version.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class UpdateCommandTest : public CliTest {
 protected:
  void SetUp() override { Offer("99.0.0"); }

  std::vector<std::string> Environment() const override {
    std::vector<std::string> environment = CliTest::Environment();
    environment.push_back("BANGER_ROOT=" + directory_.path().string());
    return environment;
  }

  // One release, behind a web server that the configuration names.
  void Offer(const std::string& version) {
    const std::string list = absl::StrCat(
        R"({"version": 1, "entries": [{"name": "banger-)", version, R"(-linux-x86_64", "version": ")",
        version,
        R"(", "commit": "0123456789ab", "arch": "x86_64", "tarball_url": "a.tar.zst", "tarball_sha256": ")",
        std::string(64, 'a'), R"(", "size_bytes": 17, "store_version": 7}]})");
    EXPECT_OK(WriteFileAtomically(directory_.path() / "web/releases.json", list));
    EXPECT_OK(WriteFileAtomically(directory_.path() / "web/releases.json.minisig", signer_.Sign(list)));
    WriteFile("config.toml", absl::StrCat("update_url = \"", server_.Url("/releases.json"),
                                          "\"\nupdate_public_key = \"", signer_.public_key(), "\"\n"));
  }

  const MinisignSigner signer_;
  const bool made_ = fs::create_directories(directory_.path() / "web");
  http::HttpServer server_{
      [this](const http::HttpServer::Request& request, http::HttpServer::Client& client) {
        client.Send(http::Response(
            "200 OK", {}, ReadFile(directory_.path() / "web" / request.target.substr(1)).value_or("")));
      }};
};

TEST_F(UpdateCommandTest, CheckSaysWhetherThereIsANewerOne) {
  CommandResult checked = Run({"update", "--check"});
  EXPECT_EQ(checked.status.code, 0) << checked.err;
  EXPECT_EQ(checked.out, absl::StrCat("banger 99.0.0 is there, and this is ", GetBuildInfo().version,
                                      ": 'sudo banger update' installs it\n"));
  checked = Run({"update", "--check", "--format", "json"});
  EXPECT_THAT(checked.out,
              AllOf(HasSubstr("\"update_available\": true"), HasSubstr("\"version\": \"99.0.0\"")));

  Offer("0.0.1");
  checked = Run({"update", "--check"});
  EXPECT_EQ(checked.status.code, 0) << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("is up to date; the newest release is 0.0.1"));
  EXPECT_THAT(Run({"update", "--check", "--format", "json"}).out, HasSubstr("\"update_available\": false"));
}

TEST_F(UpdateCommandTest, WhatIsNotSignedOrNotThereIsNamed) {
  WriteFile("web/releases.json", R"({"version": 2, "entries": []})");
  CommandResult checked = Run({"update", "--check"});
  EXPECT_EQ(checked.status.code, 1);
  EXPECT_THAT(checked.err, HasSubstr("look for releases: releases of 'http://127.0.0.1:"));
  WriteFile("config.toml", "");
  checked = Run({"update", "--check"});
  EXPECT_EQ(checked.status.code, 1);
  EXPECT_THAT(checked.err, HasSubstr("update_url"));
}

TEST_F(UpdateCommandTest, ABuildTreeAndAnotherHostAreNotUpdated) {
  CommandResult refused = Run({"update"});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("no daemons are installed beside this program"));
  refused = Run({"--context", "lab", "update"});
  EXPECT_EQ(refused.status.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("run it on that of context 'lab'"));
}

TEST_F(UpdateCommandTest, FlagsThatContradictEachOtherAreRefused) {
  EXPECT_EQ(Run({"update", "--check", "--dry-run"}).status.code, 2);
  EXPECT_EQ(Run({"update", "--check", "--to", "0.2.0"}).status.code, 2);
  EXPECT_EQ(Run({"update", "--format", "json"}).status.code, 2);
}

}  // namespace
}  // namespace banger::cli
