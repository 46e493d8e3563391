#include "cli/registry/logins.h"

#include <sys/stat.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/registry/docker_config.h"
#include "cli/registry/ping.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A home of its own, with credential helpers in its PATH.
class LoginsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(home_, TempDir::Create());
    ASSERT_OK(MakeDirectories(home_.path() / "bin"));
    path_ = std::getenv("PATH");
    ::setenv("HOME", home_.path().c_str(), 1);
    ::setenv("BANGER_ROOT", home_.path().c_str(), 1);
    ::setenv("PATH", absl::StrCat(home_.path().string(), "/bin:", path_).c_str(), 1);
    for (const char* name : {"DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"}) ::unsetenv(name);
  }
  void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }

  std::filesystem::path docker_config() const { return home_.path() / ".docker/config.json"; }

  void Write(const std::filesystem::path& file, const std::string& text, unsigned mode = 0600) {
    ASSERT_OK(MakeDirectories(file.parent_path()));
    ASSERT_OK(WriteFileAtomically(file, text, mode));
  }

  // A helper that keeps one login in a file and writes down what it was called with.
  void WriteHelper(const std::string& name) {
    const std::string script = R"(#!/bin/sh
read -r line
echo "$0 $*" >> HOME/calls
case $1 in
get) [ -f HOME/kept ] || { echo "credentials not found in native keychain"; exit 1; }; cat HOME/kept ;;
store) printf %s "$line" > HOME/kept ;;
erase) rm -f HOME/kept ;;
esac
)";
    Write(home_.path() / "bin" / ("docker-credential-" + name),
          absl::StrReplaceAll(script, {{"HOME", home_.path().string()}}), 0700);
  }

  absl::StatusOr<oci::Credentials> Find(const std::string& registry, const std::string& file = "") {
    return FindLogin(registry, file, {});
  }
  std::string UserFor(const std::string& registry, const std::string& file = "") {
    const auto login = Find(registry, file);
    EXPECT_OK(login);
    return login.ok() ? login->username : "";
  }

  TempDir home_;
  std::string path_;
};

TEST_F(LoginsTest, LoginsStandInTheDockerConfigFileUnderManyNames) {
  Write(docker_config(), R"({"auths":{
    "https://index.docker.io/v1/":{"auth":"aHViOnBhOnNz"},
    "localhost:5000":{"username":"plain","password":"x"},
    "https://old.example/v2/":{"auth":"b2xkOngAAA=="},
    "token.example":{"identitytoken":"refresh","auth":"eDp5"},
    "part.example/team":{"auth":"dGVhbTp4"}}})");
  EXPECT_EQ(UserFor("docker.io"), "hub");
  EXPECT_EQ(Find("docker.io")->password, "pa:ss");
  EXPECT_EQ(UserFor("localhost:5000"), "plain");
  EXPECT_EQ(UserFor("old.example"), "old");
  EXPECT_EQ(Find("old.example")->password, "x");
  EXPECT_EQ(Find("token.example")->identity_token, "refresh");
  EXPECT_EQ(UserFor("part.example"), "");
  EXPECT_EQ(UserFor("localhost:5001"), "");
  EXPECT_EQ(UserFor("example"), "");
}

TEST_F(LoginsTest, TheFilesOfOtherToolsAreReadToo) {
  Write(home_.path() / ".config/containers/auth.json", R"({"auths":{"a.example":{"auth":"cG9kOngh"}}})");
  EXPECT_EQ(UserFor("a.example"), "pod");
  Write(home_.path() / "here/config.json", R"({"auths":{"a.example":{"auth":"aGVyZTp4"}}})");
  ::setenv("DOCKER_CONFIG", (home_.path() / "here").c_str(), 1);
  EXPECT_EQ(UserFor("a.example"), "here");
  Write(home_.path() / "mine.json", R"({"auths":{"a.example":{"auth":"bWluZTp4"}}})");
  EXPECT_EQ(UserFor("a.example", (home_.path() / "mine.json").string()), "mine");
  EXPECT_THAT(Find("a.example", "/nowhere.json"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere.json")));
}

TEST_F(LoginsTest, WhatIsNoConfigFileIsNamedAndNotRepeated) {
  for (const char* text : {"secret", "[]", "\"secret\""}) {
    Write(docker_config(), text);
    EXPECT_THAT(Find("a.example"),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         ::testing::AllOf(HasSubstr("config.json"), Not(HasSubstr("secret")))));
  }
  Write(docker_config(), R"({"auths":{"a.example":{"auth":"!secret!"}}})");
  EXPECT_THAT(Find("a.example"), StatusIs(absl::StatusCode::kFailedPrecondition, Not(HasSubstr("!secret!"))));
}

TEST_F(LoginsTest, ALoginIsKeptForTheUserAloneAndNothingElseChanges) {
  Write(docker_config(), R"({"z":1,"auths":{"b.example":{"auth":"YjpiCg==","email":"x"}},"a":{"b":[2]}})",
        0644);
  EXPECT_THAT(KeepLogin("docker.io", {.username = "me", .password = "s3cret"}, "", {}),
              IsOkAndHolds(docker_config().string()));
  EXPECT_EQ(Find("docker.io")->password, "s3cret");
  EXPECT_EQ(UserFor("b.example"), "b");
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(docker_config()));
  EXPECT_THAT(text, HasSubstr("\"email\": \"x\""));
  EXPECT_LT(text.find("\"z\""), text.find("\"a\""));
  struct stat info {};
  ASSERT_EQ(::stat(docker_config().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  EXPECT_THAT(ForgetLogin("docker.io", "", {}), IsOkAndHolds(true));
  EXPECT_THAT(ForgetLogin("docker.io", "", {}), IsOkAndHolds(false));
  EXPECT_EQ(UserFor("docker.io"), "");
  EXPECT_EQ(UserFor("b.example"), "b");
}

TEST_F(LoginsTest, AFirstLoginMakesTheFileAndALinkStaysALink) {
  ASSERT_OK(KeepLogin("a.example", {.username = "me", .password = "x"}, "", {}));
  EXPECT_EQ(UserFor("a.example"), "me");
  std::filesystem::rename(docker_config(), home_.path() / "real.json");
  std::filesystem::create_symlink(home_.path() / "real.json", docker_config());
  ASSERT_OK(KeepLogin("a.example", {.username = "you", .password = "x"}, "", {}));
  EXPECT_TRUE(std::filesystem::is_symlink(docker_config()));
  EXPECT_EQ(UserFor("a.example"), "you");
}

TEST_F(LoginsTest, AHelperKeepsLoginsInsteadOfTheFile) {
  WriteHelper("test");
  Write(docker_config(), R"({"credsStore":"test"})");
  EXPECT_EQ(UserFor("a.example"), "");
  EXPECT_THAT(KeepLogin("a.example", {.username = "me", .password = "s3cret"}, "", {}),
              IsOkAndHolds("docker-credential-test"));
  EXPECT_EQ(Find("a.example")->password, "s3cret");
  EXPECT_THAT(*ReadFile(docker_config()), Not(HasSubstr("s3cret")));
  EXPECT_THAT(*ReadFile(home_.path() / "calls"), Not(HasSubstr("s3cret")));
  EXPECT_THAT(ForgetLogin("a.example", "", {}), IsOkAndHolds(true));
  EXPECT_THAT(ForgetLogin("a.example", "", {}), IsOkAndHolds(false));
}

TEST_F(LoginsTest, AHelperForOneRegistryGoesBeforeTheOneForAll) {
  WriteHelper("one");
  Write(docker_config(), R"({"credsStore":"not-there","credHelpers":{"a.example":"one"}})");
  Write(home_.path() / "kept", R"({"ServerURL":"a.example","Username":"<token>","Secret":"refresh"})");
  EXPECT_EQ(Find("a.example")->identity_token, "refresh");
  EXPECT_THAT(Find("b.example"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("docker-credential-not-there")));
}

TEST_F(LoginsTest, AHelperThatFailsOrTalksNonsenseIsNamedAndNotRepeated) {
  Write(docker_config(), R"({"credsStore":"bad"})");
  for (const char* script :
       {"#!/bin/sh\ncat >/dev/null; echo s3cret; exit 3\n", "#!/bin/sh\ncat >/dev/null; echo s3cret\n"}) {
    Write(home_.path() / "bin/docker-credential-bad", script, 0700);
    const absl::Status status = Find("a.example").status();
    EXPECT_THAT(std::string(status.message()),
                ::testing::AllOf(HasSubstr("docker-credential-bad"), Not(HasSubstr("s3cret"))));
    EXPECT_FALSE(status.ok());
  }
  for (const char* name : {"../evil", "a b", "a;b"}) {
    Write(docker_config(), absl::StrCat(R"({"credsStore":")", name, "\"}"));
    EXPECT_THAT(Find("a.example"), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
}

TEST_F(LoginsTest, ALoginIsTriedAtTheRegistry) {
  http::HttpServer server([](const http::HttpServer::Request& request, http::HttpServer::Client& client) {
    client.Send(request.Header("authorization") == "Basic bWU6czNjcmV0"
                    ? http::Response("200 OK", {}, "{}")
                    : http::Response("401 Unauthorized", {"WWW-Authenticate: Basic realm=x"}, ""));
  });
  const std::string host = absl::StrCat("127.0.0.1:", server.port());
  EXPECT_OK(PingRegistry(host, {.username = "me", .password = "s3cret"}, false, {}));
  const absl::Status refused = PingRegistry(host, {.username = "me", .password = "wr0ng"}, false, {});
  EXPECT_EQ(ErrorReason(refused), "REGISTRY_LOGIN_REFUSED");
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("wr0ng")));
}

TEST_F(LoginsTest, RegistriesAreHosts) {
  for (const char* fine : {"docker.io", "localhost:5000", "reg.example", "[::1]:5000"})
    EXPECT_OK(CheckRegistryName(fine));
  for (const char* wrong :
       {"", "debian", "https://reg.example", "reg.example/team", "a b.c", "index.docker.io"})
    EXPECT_EQ(ErrorReason(CheckRegistryName(wrong)), "USAGE") << wrong;
}

}  // namespace
}  // namespace banger::cli
