// The HTTP server against clients that are wrong, slow or gone.
#include "services/gateway/adapters/http_server.h"

#include <signal.h>

#include <atomic>
#include <future>
#include <utility>

#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/gateway/testing/http_client.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;

// A line each time, until nobody is there.
class EndlessBody final : public HttpBody {
 public:
  explicit EndlessBody(std::atomic<int>& bodies) : bodies_(bodies) { ++bodies_; }
  ~EndlessBody() override { --bodies_; }
  bool Next(std::string& out) override {
    out += "line\n";
    return true;
  }

 private:
  std::atomic<int>& bodies_;
};

constexpr std::chrono::milliseconds kShort{100};

// One line, when it is told so.
class LateBody final : public HttpBody {
 public:
  explicit LateBody(std::shared_future<void> when) : when_(std::move(when)) {}
  bool Next(std::string& out) override {
    if (std::exchange(sent_, true)) return false;
    when_.wait();
    out += "late";
    return true;
  }

 private:
  const std::shared_future<void> when_;
  bool sent_ = false;
};

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // as daemons do
    Start({});
  }

  void Start(HttpLimits limits) {
    server_.reset();
    ASSERT_OK_AND_ASSIGN(server_, HttpServer::Start(
                                      "web_listen_addr", "127.0.0.1:0", HttpReach::kThisHost,
                                      [this](const HttpRequest& request) {
                                        ++handled_;
                                        return Answer(request);
                                      },
                                      limits));
  }

  HttpResponse Answer(const HttpRequest& request) {
    if (request.path == "/endless")
      return {.status = 200, .headers = {}, .body = {}, .stream = std::make_unique<EndlessBody>(bodies_)};
    if (request.path == "/late")
      return {.status = 200,
              .headers = {},
              .body = {},
              .stream = std::make_unique<LateBody>(late_.get_future().share())};
    return {.status = 200,
            .headers = {},
            .body = absl::StrCat(request.method, " ", request.path, " ", request.Header("x-twice"), " ",
                                 request.body),
            .stream = nullptr};
  }

  std::string Ask(const std::string& request) { return Exchange(server_->address(), request); }

  std::atomic<int> handled_ = 0;
  std::atomic<int> bodies_ = 0;
  std::promise<void> late_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, GivesTheRequestAndTakesTheAnswer) {
  EXPECT_THAT(Ask("POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Twice: 1\r\nx-twice: 2\r\nContent-Length: 4\r\n"
                  "Connection: close\r\n\r\nbody"),
              ::testing::EndsWith("\r\n\r\nPOST /a 1, 2 body"));
}

TEST_F(HttpServerTest, WhatIsTooLargeOrOfUnknownSizeIsNotTaken) {
  EXPECT_EQ(StatusOf(Ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")), 413);
  EXPECT_EQ(StatusOf(Ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")), 411);
  EXPECT_EQ(StatusOf(Ask("POST / HTTP/1.1\r\nHost: x\r\n\r\n")), 411);
  EXPECT_EQ(StatusOf(Ask("DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), 405);
  const std::string large =
      absl::StrCat("GET / HTTP/1.1\r\nHost: x\r\nX: ", std::string(100 << 10, 'x'), "\r\n\r\n");
  EXPECT_EQ(StatusOf(Ask(large)), 431);
  EXPECT_EQ(handled_, 0);
}

TEST_F(HttpServerTest, WhatIsNoRequestIsNotHandled) {
  for (const char* text :
       {"\r\n\r\n\r\n", "GET\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02"}) {
    HttpClient client(server_->address());
    client.Send(text);
    client.Close();
  }
  EXPECT_THAT(Ask("GET /good HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), HasSubstr("GET /good"));
  EXPECT_EQ(handled_, 1);
}

TEST_F(HttpServerTest, AClientThatDoesNotFinishItsRequestIsLetGo) {
  Start({.request_time = kShort});
  for (const char* begin :
       {"", "GET / HTTP/1.1\r\nX: ", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"}) {
    HttpClient slow(server_->address());
    slow.Send(begin);
    slow.Read();
    EXPECT_TRUE(slow.closed()) << begin;
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(HttpServerTest, DripsDoNotKeepAConnection) {
  Start({.request_time = kShort});
  HttpClient slow(server_->address());
  slow.Send("GET / HTTP/1.1\r\n");
  // Each byte comes in good time, all of them never do.
  EXPECT_TRUE(Eventually([&slow] { return !slow.Send("X"); }));
  EXPECT_EQ(handled_, 0);
}

TEST_F(HttpServerTest, AnAnswerMayTakeLongerThanARequest) {
  Start({.request_time = kShort});
  HttpClient waits(server_->address()), silent(server_->address());
  waits.Send("GET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(Eventually([this] { return handled_ == 1; }));
  // Who came later and asked nothing has been let go before the answer comes.
  silent.Read();
  EXPECT_TRUE(silent.closed());
  late_.set_value();
  EXPECT_THAT(waits.Read(), HasSubstr("late"));
}

TEST_F(HttpServerTest, ABodyEndsWhenItsClientLeaves) {
  HttpClient client(server_->address());
  client.Send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.Read("line"), HasSubstr("200 OK"));
  EXPECT_EQ(bodies_, 1);
  client.Close();
  EXPECT_TRUE(Eventually([this] { return bodies_ == 0; }));
}

TEST_F(HttpServerTest, OneConnectionTooManyIsClosed) {
  Start({.connections = 2});
  HttpClient first(server_->address()), second(server_->address());
  for (HttpClient* client : {&first, &second}) {
    client->Send("GET /in HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client->Read("GET /in"), HasSubstr("200 OK"));
  }
  HttpClient third(server_->address());
  third.Send("GET /in HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(third.Read(), "");
  first.Close();
  EXPECT_TRUE(Eventually(
      [this] { return StatusOf(Ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200; }));
}

TEST_F(HttpServerTest, ListensOnlyOnThisHost) {
  for (const char* wrong : {"0.0.0.0:0", "[::]:0", "192.0.2.1:80", "localhost:80", "127.0.0.1",
                            "127.0.0.1.example.org:80", "7480"})
    EXPECT_THAT(
        HttpServer::Start("web_listen_addr", wrong, HttpReach::kThisHost,
                          [](const HttpRequest&) { return HttpResponse(); }),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("web_listen_addr in the configuration: '")))
        << wrong;
}

TEST_F(HttpServerTest, OtherHostsReachOnlyWhatIsForThem) {
  const auto start = [](const std::string& address) {
    return HttpServer::Start("metrics_listen_addr", address, HttpReach::kOtherHosts,
                             [](const HttpRequest&) { return HttpResponse(); });
  };
  EXPECT_OK(start("0.0.0.0:0"));
  for (const char* wrong : {"localhost:0", "127.0.0.1", "7481", "127.0.0.1:http"})
    EXPECT_THAT(start(wrong), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("metrics_listen_addr in the configuration: '")))
        << wrong;
  EXPECT_THAT(start(server_->address()).status().ToString(),
              ::testing::AllOf(HasSubstr("metrics_listen_addr in the configuration: "),
                               HasSubstr(server_->address()), HasSubstr("in use")));
}

}  // namespace
}  // namespace banger::gateway
