// The web console's own guards, and that its calls are those of any other client.
#include "services/gateway/console/console.h"

#include "absl/strings/str_replace.h"
#include "common/status/error.h"
#include "services/gateway/testing/console_fixture.h"
#include "services/gateway/testing/log_capture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kStop[] = "/api/call/banger.vm.v1.VmService/StopVm";
constexpr char kExec[] = "/api/call/banger.vm.v1.VmService/ExecVm";
constexpr char kStats[] = "/api/call/banger.vm.v1.VmService/GetVmStats";
constexpr char kNone[] = R"({"name":"vms/none"})";

class ConsoleTest : public ConsoleFixture {
 protected:
  void SetUp() override {
    ConsoleFixture::SetUp();
    LogIn();
  }
  // A call under way.
  HttpClient Begin(const std::string& path, const std::string& body) {
    HttpClient client(address_);
    client.Send(Head(path, body.size()) + body);
    return client;
  }

  LogCapture log_;
};

TEST_F(ConsoleTest, ThePageIsWholeAndItsHeadersKeepOthersOut) {
  const std::string page = Get("/");
  EXPECT_EQ(StatusOf(page), 200);
  EXPECT_THAT(page, HasSubstr("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(page,
              HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
                        "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                        "frame-ancestors 'none'; "
                        "require-trusted-types-for 'script'; trusted-types 'none'\r\n"));
  for (const char* header :
       {"X-Content-Type-Options: nosniff", "X-Frame-Options: DENY", "Referrer-Policy: no-referrer",
        "Cross-Origin-Resource-Policy: same-origin", "Cache-Control: no-store"})
    EXPECT_THAT(page, HasSubstr(header));
  for (const char* file : {"/console.css", "/icon.svg", "/console.js", "/calls.js", "/screen.js",
                           "/tables.js", "/terminal.js"}) {
    const std::string text = Get(file);
    EXPECT_EQ(StatusOf(text), 200) << file;
    EXPECT_THAT(text, Not(HasSubstr("innerHTML"))) << file;
    EXPECT_THAT(text, Not(HasSubstr("https://"))) << file;
  }
  EXPECT_EQ(StatusOf(Get("/../main.cc")), 404);
}

TEST_F(ConsoleTest, AUrlOpensTheConsoleOnce) {
  EXPECT_EQ(StatusOf(Post("/api/login", absl::StrCat(R"({"login":")", login_, R"("})"))), 401);
  for (const char* wrong : {"", "{}", "[]", R"({"login":""})", R"({"login":7})", "{\"login\":\"\xff\"}"})
    EXPECT_EQ(StatusOf(Post("/api/login", wrong)), 401) << wrong;
}

TEST_F(ConsoleTest, GuessingIsSlowAndKeepsNobodyOut) {
  ASSERT_OK_AND_ASSIGN(const std::string url, LoginUrl());
  EXPECT_TRUE(Eventually([this] { return StatusOf(Post("/api/login", R"({"login":"guess"})")) == 429; }));
  EXPECT_EQ(StatusOf(Post("/api/login",
                          absl::StrCat(R"({"login":")", url.substr(url.find("#login=") + 7), R"("})"))),
            200);
}

TEST_F(ConsoleTest, TheCookieIsOutOfReachForPagesAndOtherSites) {
  ASSERT_OK_AND_ASSIGN(const std::string url, LoginUrl());
  const std::string answer =
      Post("/api/login", absl::StrCat(R"({"login":")", url.substr(url.find("#login=") + 7), R"("})"));
  EXPECT_THAT(answer, HasSubstr("; Path=/; HttpOnly; SameSite=Strict\r\n"));
  EXPECT_THAT(answer, HasSubstr(absl::StrCat("\"client\":\"uid:", ::geteuid(), "\"")));
  EXPECT_THAT(answer, HasSubstr("\"role\":\"operator\""));
}

TEST_F(ConsoleTest, NothingIsCalledWithoutCookieAndProof) {
  using Changes = std::map<std::string, std::string>;
  for (const Changes& changes :
       {Changes{{"Cookie", ""}}, Changes{{"Banger-Console-Proof", ""}},
        Changes{{"Cookie", "banger-console=x"}}, Changes{{"Banger-Console-Proof", "x"}},
        Changes{{"Cookie", absl::StrCat("x-banger-console=", cookie_)}}}) {
    EXPECT_EQ(StatusOf(Post(kStop, kNone, changes)), 401);
    EXPECT_EQ(StatusOf(Post("/api/input/1", "{}", changes)), 401);
    EXPECT_EQ(StatusOf(Post("/api/logout", "{}", changes)), 401);
  }
  EXPECT_EQ(fake_.hung, 0);
}

TEST_F(ConsoleTest, AnotherPageCannotAskEvenWithTheCookie) {
  using Changes = std::map<std::string, std::string>;
  for (const Changes& changes :
       {Changes{{"Origin", ""}}, Changes{{"Origin", "null"}}, Changes{{"Origin", "http://evil.example"}},
        Changes{{"Origin", absl::StrCat("https://", address_)}}, Changes{{"Origin", "http://127.0.0.1:1"}},
        Changes{{"Sec-Fetch-Site", "cross-site"}}, Changes{{"Sec-Fetch-Site", "same-site"}},
        Changes{{"Content-Type", "text/plain"}}, Changes{{"Content-Type", ""}},
        Changes{{"Content-Type", "application/x-www-form-urlencoded"}}}) {
    EXPECT_EQ(StatusOf(Post(kStop, kNone, changes)), 403);
    EXPECT_EQ(StatusOf(Post("/api/login", "{}", changes)), 403);
  }
  EXPECT_EQ(fake_.hung, 0);
}

TEST_F(ConsoleTest, AnotherNameForThisHostIsRefused) {
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:",
                           "127.0.0.1:80@evil.example", "[::1]evil:80", "0.0.0.0", "x, 127.0.0.1"}) {
    EXPECT_EQ(StatusOf(Get("/", host)), 421) << host;
    EXPECT_EQ(StatusOf(Post(kStop, kNone, {{"Host", host}, {"Origin", absl::StrCat("http://", host)}})), 421)
        << host;
  }
  for (const char* host : {"localhost:9999", "LOCALHOST", "127.0.0.1", "[::1]:80"})
    EXPECT_EQ(StatusOf(Get("/", host)), 200) << host;
}

TEST_F(ConsoleTest, CallsGoThroughTheGatewayAsTheUser) {
  vm::v1::Vm& vm = *fake_.vms.add_vms();
  vm.set_name("vms/web");
  HttpClient call = Begin(kStop, R"({"name":"vms/web"})");
  EXPECT_TRUE(Eventually([this] { return fake_.hung == 1; }));
  call.Close();
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == 1; }));
  const std::string who = absl::StrCat("client=\"uid:", ::geteuid(), " (console)\" role=operator");
  EXPECT_TRUE(
      Eventually([&] { return log_.Has(who, "method=/banger.vm.v1.VmService/StopVm resource=vms/web"); }));
  EXPECT_FALSE(log_.Has(cookie_, ""));
  EXPECT_FALSE(log_.Has(proof_, ""));
}

TEST_F(ConsoleTest, AnErrorIsTheApis) {
  const std::string answer = Post("/api/call/banger.image.v1.ImageService/ListImages", "{}");
  EXPECT_THAT(answer, HasSubstr("\"code\":\"UNAVAILABLE\""));
  EXPECT_THAT(answer, HasSubstr("\"reason\":\"DAEMON_UNAVAILABLE\""));
  EXPECT_EQ(StatusOf(Post(kStop, "{")), 400);
  EXPECT_EQ(StatusOf(Post(kStop, R"({"nome":"x"})")), 400);
  EXPECT_EQ(StatusOf(Post(kStop, absl::StrCat(std::string(50000, '['), std::string(50000, ']')))), 400);
  EXPECT_EQ(StatusOf(Post(kStop, std::string(300 << 10, ' '))), 413);
}

TEST_F(ConsoleTest, OnlyWhatThePageUsesCanBeCalled) {
  for (const char* path :
       {"banger.vm.v1.VmService/CreateVm", "banger.vm.v1.VmService/WriteVmTree",
        "banger.image.v1.ImageService/DeleteImage", "banger.image.v1.ImageService/AcquireImage",
        "banger.network.v1.NetworkService/ListEndpoints", "banger.vm.v1.VmService/NoSuch", "",
        "banger.system.v1.ConsoleService/CreateConsoleLogin"})
    EXPECT_EQ(StatusOf(Post(absl::StrCat("/api/call/", path), "{}")), 404) << path;
}

TEST_F(ConsoleTest, AViewerStaysOne) {
  role_ = "viewer";
  channel_ = rpc::ConnectDaemon(socket());
  LogIn();
  EXPECT_THAT(Post(kStop, R"({"name":"vms/web"})"), HasSubstr("\"reason\":\"ROLE_TOO_LOW\""));
  EXPECT_THAT(Post(kExec, R"({"name":"vms/web"})"), HasSubstr("\"reason\":\"ROLE_TOO_LOW\""));
  EXPECT_EQ(fake_.hung, 0);
}

TEST_F(ConsoleTest, WithoutARoleNobodyGetsIn) {
  role_ = "none";
  channel_ = rpc::ConnectDaemon(socket());
  const auto url = LoginUrl();
  EXPECT_EQ(ErrorReason(url.status()), "ROLE_TOO_LOW");
}

TEST_F(ConsoleTest, ACommandGetsItsInputAndTheOutputComesBack) {
  HttpClient call = Begin(kExec, R"({"name":"vms/web","input":{"command":{"tty":true,"stdin":true}}})");
  const std::string id = Between(call.Read("\"}\n"), R"({"call":")", "\"");
  ASSERT_NE(id, "");
  EXPECT_EQ(StatusOf(Post(absl::StrCat("/api/input/", id), R"({"input":{"stdin":"aGVsbG8="}})")), 200);
  EXPECT_THAT(call.Read("aGVsbG8="), HasSubstr(R"({"message":{"output":{"stdout":"aGVsbG8="}}})"));

  // To others' calls nobody sends anything.
  const std::string cookie = cookie_, proof = proof_;
  LogIn();
  EXPECT_EQ(StatusOf(Post(absl::StrCat("/api/input/", id), R"({"input":{"stdin":"aGVsbG8="}})")), 404);
  const auto first =
      std::map<std::string, std::string>{{"Cookie", kCookieName + cookie}, {"Banger-Console-Proof", proof}};
  EXPECT_EQ(StatusOf(Post("/api/input/0000000000000000", "{}", first)), 404);
  EXPECT_EQ(StatusOf(Post(absl::StrCat("/api/input/", id), "{}", first)), 200);
}

TEST_F(ConsoleTest, ASessionHasThreeTerminals) {
  std::vector<HttpClient> open;
  for (int i = 0; i < LiveCalls::kMaxTerminals; ++i) {
    open.push_back(Begin(kExec, R"({"name":"vms/hang"})"));
    EXPECT_THAT(open.back().Read("\"}\n"), HasSubstr("\"call\""));
  }
  EXPECT_EQ(StatusOf(Post(kExec, R"({"name":"vms/hang"})")), 429);
  EXPECT_TRUE(Eventually([this] { return fake_.hung == LiveCalls::kMaxTerminals; }));
  open.clear();
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == LiveCalls::kMaxTerminals; }));
  EXPECT_TRUE(Eventually([this] {
    HttpClient again = Begin(kExec, R"({"name":"vms/refuse"})");
    return StatusOf(again.Read()) == 200;
  }));
}

TEST_F(ConsoleTest, LoggingOutEndsWhatIsUnderWay) {
  HttpClient terminal = Begin(kExec, R"({"name":"vms/hang"})");
  EXPECT_TRUE(Eventually([this] { return fake_.hung == 1; }));
  EXPECT_EQ(StatusOf(Post("/api/logout", "{}")), 200);
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == 1; }));
  EXPECT_THAT(terminal.Read(), HasSubstr("\"code\":\"CANCELLED\""));
  EXPECT_EQ(StatusOf(Post(kStats, "{}")), 401);
}

TEST_F(ConsoleTest, TheGatewayEndsWithATerminalOpen) {
  HttpClient terminal = Begin(kExec, R"({"name":"vms/hang"})");
  EXPECT_TRUE(Eventually([this] { return fake_.hung == 1; }));
  parts_->OnShutdown();
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == 1; }));
  terminal.Read();
  EXPECT_TRUE(terminal.closed());
}

class NoConsoleTest : public ConsoleFixture {
 protected:
  NoConsoleTest() { config_.web_listen_addr = ""; }
};

TEST_F(NoConsoleTest, ItIsOffUnlessConfigured) {
  const auto url = LoginUrl();
  EXPECT_THAT(url, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("set web_listen_addr")));
  EXPECT_EQ(ErrorReason(url.status()), "CONSOLE_OFF");
}

}  // namespace
}  // namespace banger::gateway
