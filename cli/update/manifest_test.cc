#include "cli/update/manifest.h"

#include "absl/strings/str_cat.h"
#include "common/digest/testing/minisign_signer.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/sync/mutex.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kList[] = "https://releases.example.org/banger/releases.json";

Json Good() {
  return {{"name", "banger-0.2.0-linux-x86_64"},
          {"version", "0.2.0"},
          {"commit", "0123456789ab"},
          {"arch", "x86_64"},
          {"tarball_url", "a.tar.zst"},
          {"tarball_sha256", std::string(64, 'a')},
          {"size_bytes", 17u},
          {"store_version", 7u}};
}

std::string FaultOf(const Json& entry, const std::string& list = kList) {
  return std::string(ParseRelease(entry, list).status().message());
}
std::string FaultWith(const char* field, const Json& value) {
  Json entry = Good();
  entry[field] = value;
  return FaultOf(entry);
}

TEST(ReleaseVersionTest, IsThreeNumbersAndNothingElse) {
  EXPECT_EQ(ParseReleaseVersion("0.12.3"), (ReleaseVersion{0, 12, 3}));
  for (const char* text : {"", "1", "1.2", "1.2.3.4", "1.2.x", "1.2.-3", "1.2.03", "1.2.+3", " 1.2.3",
                           "1.2.3 ", "v1.2.3", "1.2.99999999999", "1..3"})
    EXPECT_EQ(ParseReleaseVersion(text), std::nullopt) << text;
  EXPECT_GT(ParseReleaseVersion("0.10.0"), ParseReleaseVersion("0.9.9"));
}

TEST(ReleaseTest, IsReadAndItsAddressIsBesideTheList) {
  ASSERT_OK_AND_ASSIGN(const Release release, ParseRelease(Good(), kList));
  EXPECT_EQ(release.id, "banger-0.2.0-linux-x86_64");
  EXPECT_EQ(release.tarball.url, "https://releases.example.org/banger/a.tar.zst");
  EXPECT_EQ(release.tarball.size_bytes, 17);
  EXPECT_EQ(release.store_version, 7);
  EXPECT_EQ(FaultWith("tarball_url", "https://mirror.example.org/a.tar.zst"), "");
}

TEST(ReleaseTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(FaultWith("version", "0.2"), HasSubstr("version is not written as 0.2.0"));
  EXPECT_THAT(FaultWith("version", 2), HasSubstr("'version' is no string"));
  EXPECT_THAT(FaultWith("version", "0.3.0"), HasSubstr("name is not that of its version"));
  EXPECT_THAT(FaultWith("name", "../../etc"), HasSubstr("name is not that of its version"));
  EXPECT_THAT(FaultWith("commit", "a b"), HasSubstr("commit"));
  EXPECT_THAT(FaultWith("commit", "\x1b[2J"), HasSubstr("control characters"));
  EXPECT_THAT(FaultWith("commit", std::string(2000, 'a')), HasSubstr("overlong"));
  EXPECT_THAT(FaultWith("arch", "../x"), HasSubstr("arch"));
  EXPECT_THAT(FaultWith("tarball_sha256", "aa"), HasSubstr("tarball_sha256"));
  EXPECT_THAT(FaultWith("tarball_sha256", std::string(64, 'A')), HasSubstr("tarball_sha256"));
  for (const Json& size :
       {Json(0), Json(-1), Json(1e30), Json("17"), Json(std::int64_t{1} << 40), Json(nullptr)})
    EXPECT_NE(FaultWith("size_bytes", size), "") << size;
  for (const Json& store :
       {Json(0), Json(-1), Json(1.5), Json("7"), Json(std::int64_t{1} << 40), Json(nullptr)})
    EXPECT_NE(FaultWith("store_version", store), "") << store;
}

TEST(ReleaseTest, ItsAddressLeadsNowhereElse) {
  for (const char* url : {"http://releases.example.org/a", "http://127.0.0.1/a", "file:///etc/shadow",
                          "ftp://a/b", "https://user:password@releases.example.org/a", ""})
    EXPECT_NE(FaultWith("tarball_url", url), "") << url;
  Json local = Good();
  EXPECT_EQ(FaultOf(local, "http://127.0.0.1:8000/releases.json"), "");
  local["tarball_url"] = "http://releases.example.org/a";
  EXPECT_NE(FaultOf(local, "http://127.0.0.1:8000/releases.json"), "");
}

// A list behind a web server.
class FetchReleasesTest : public ::testing::Test {
 protected:
  void Serve(int version, const std::string& entries) {
    const std::string text = absl::StrCat("{\"version\": ", version, ", \"entries\": [", entries, "]}");
    ServeText(text, signer_.Sign(text));
  }
  void ServeText(const std::string& text, const std::string& signature) {
    const MutexLock lock(mutex_);
    text_ = text;
    signature_ = signature;
  }
  absl::StatusOr<std::vector<Release>> Fetch() {
    return FetchReleases({.url = server_.Url("/releases.json"), .public_key = signer_.public_key()},
                         directory_.path() / "client/releases.json", {});
  }

  const MinisignSigner signer_;
  const TempDir directory_ = *TempDir::Create();
  Mutex mutex_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
  std::string signature_ ABSL_GUARDED_BY(mutex_);
  http::HttpServer server_{
      [this](const http::HttpServer::Request& request, http::HttpServer::Client& client) {
        const MutexLock lock(mutex_);
        const bool signature = request.target.ends_with(".minisig");
        client.Send(http::Response("200 OK", {}, signature ? signature_ : text_));
      }};
};

TEST_F(FetchReleasesTest, AGoodListIsTaken) {
  Serve(3, Good().dump());
  EXPECT_THAT(Fetch(), IsOkAndHolds(SizeIs(1)));
}

TEST_F(FetchReleasesTest, NobodyElsesListIs) {
  Serve(3, Good().dump());
  ASSERT_OK(Fetch());
  const std::string other = "{\"version\": 4, \"entries\": []}";
  ServeText(other, MinisignSigner().Sign(other));
  EXPECT_THAT(Fetch(), StatusIs(absl::StatusCode::kPermissionDenied));
  ServeText(other, signer_.Sign("{\"version\": 5, \"entries\": []}"));
  EXPECT_THAT(Fetch(), StatusIs(absl::StatusCode::kPermissionDenied));
  ServeText(other, "");
  EXPECT_THAT(Fetch().status(), ::testing::Not(IsOk()));
}

TEST_F(FetchReleasesTest, AnOlderListThanOneSeenIsRefused) {
  Serve(4, Good().dump());
  ASSERT_OK(Fetch());
  Serve(3, Good().dump());
  EXPECT_THAT(Fetch(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("version 3 is older than 4")));
  Serve(5, Good().dump());
  EXPECT_OK(Fetch());
}

TEST_F(FetchReleasesTest, WhatIsNoListIsRefusedThoughItIsSigned) {
  for (const std::string text :
       {"", "[]", "{}", "{\"version\": 0, \"entries\": []}", "{\"version\": 1}",
        "{\"version\": 1, \"entries\": {}}", "{\"version\": 1, \"entries\": [7]}",
        "{\"version\": \"1\", \"entries\": []}", "{\"version\": 1, \"entries\": [{}]}",
        "{\"version\": 1, \"entries\": []} x"}) {
    ServeText(text, signer_.Sign(text));
    EXPECT_THAT(Fetch().status(), ::testing::Not(IsOk())) << text;
  }
  Serve(1, absl::StrCat(Good().dump(), ",", Good().dump()));
  EXPECT_THAT(Fetch(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is there twice")));
}

TEST(FetchReleasesConfigTest, WhatIsMissingOrWrongIsNamed) {
  const std::string key = MinisignSigner().public_key();
  const auto fault = [](const UpdateConfig& config) {
    return std::string(FetchReleases(config, "/nowhere/releases.json", {}).status().message());
  };
  EXPECT_THAT(fault({}), HasSubstr("update_url"));
  EXPECT_THAT(fault({.url = kList, .public_key = ""}), HasSubstr("update_public_key"));
  EXPECT_THAT(fault({.url = kList, .public_key = "RW"}), HasSubstr("update_public_key: "));
  EXPECT_THAT(fault({.url = "http://releases.example.org/", .public_key = key}), HasSubstr("update_url: "));
  EXPECT_THAT(fault({.url = "/srv/releases.json", .public_key = key}), HasSubstr("update_url: "));
}

}  // namespace
}  // namespace banger::cli
