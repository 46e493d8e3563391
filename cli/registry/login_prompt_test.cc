// image login at a real pseudo-terminal.
#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/testing/terminal_fixture.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LoginPromptTest : public TerminalTest {
 protected:
  void StartLogin() {
    StartInTerminal({"image", "login", absl::StrCat("127.0.0.1:", registry_.port()), "-u", "me",
                     "--auth-file", file_.string()});
    ASSERT_TRUE(WaitForScreen("Password for me: "));
    EXPECT_EQ(Mode().c_lflag & ECHO, 0u);
  }

  const std::filesystem::path file_ = directory_.path() / "auth.json";
  http::HttpServer registry_{[](const http::HttpServer::Request& request, http::HttpServer::Client& client) {
    client.Send(request.Header("authorization") == "Basic bWU6czNjcmV0"
                    ? http::Response("200 OK", {}, "{}")
                    : http::Response("401 Unauthorized", {"WWW-Authenticate: Basic realm=x"}, ""));
  }};
};

TEST_F(LoginPromptTest, ThePasswordIsTakenAndNotShown) {
  StartLogin();
  Type("s3cret\n");
  EXPECT_TRUE(WaitForScreen("logged in to"));
  EXPECT_EQ(WaitForExit(), 0);
  EXPECT_TRUE(ModeIsAsBefore());
  EXPECT_THAT(screen_, Not(HasSubstr("s3cret")));
  EXPECT_THAT(ReadFile(file_), IsOkAndHolds(HasSubstr("bWU6czNjcmV0")));
}

TEST_F(LoginPromptTest, AWrongPasswordIsKeptNowhere) {
  StartLogin();
  Type("wr0ng\n");
  EXPECT_TRUE(WaitForScreen("REGISTRY_LOGIN_REFUSED"));
  EXPECT_EQ(WaitForExit(), 1);
  EXPECT_TRUE(ModeIsAsBefore());
  EXPECT_THAT(screen_, Not(HasSubstr("wr0ng")));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(LoginPromptTest, WhoeverLeavesThePromptFindsTheTerminalAsItWas) {
  for (const auto& [key, exit] : {std::pair("\x03", 130), std::pair("\x1c", 1000 + SIGQUIT)}) {
    screen_.clear();
    StartLogin();
    Type(absl::StrCat("s3c", key));
    EXPECT_EQ(WaitForExit(), exit);
    EXPECT_TRUE(ModeIsAsBefore());
    EXPECT_FALSE(std::filesystem::exists(file_));
  }
  screen_.clear();
  StartLogin();
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(WaitForExit(), 130);
  EXPECT_TRUE(ModeIsAsBefore());
}

}  // namespace
}  // namespace banger::cli
