// A gateway with the web console, as a browser sees it.
#pragma once

#include <signal.h>

#include <map>

#include "banger/system/v1/console_service.grpc.pb.h"
#include "services/gateway/testing/gateway_fixture.h"
#include "services/gateway/testing/http_client.h"

namespace banger::gateway {

class ConsoleFixture : public GatewayTest {
 protected:
  static constexpr char kCookieName[] = "banger-console=";

  ConsoleFixture() { config_.web_listen_addr = "127.0.0.1:0"; }

  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // as daemons do
    GatewayTest::SetUp();
    StartVmd();
    ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
  }

  std::string RoleOf(const PeerCredentials&, const std::vector<gid_t>&) override { return role_; }

  // As who we are at the socket.
  absl::StatusOr<std::string> LoginUrl() {
    rpc::ClientCall call("", kSoon);
    system::v1::CreateConsoleLoginResponse response;
    const auto stub = system::v1::ConsoleService::NewStub(channel_);
    const absl::Status status = rpc::FromGrpc(
        stub->CreateConsoleLogin(call.context(), system::v1::CreateConsoleLoginRequest(), &response));
    if (!status.ok()) return status;
    return response.url();
  }

  // Sets address_, cookie_ and proof_.
  void LogIn() {
    ASSERT_OK_AND_ASSIGN(const std::string url, LoginUrl());
    address_ = url.substr(7, url.find('/', 7) - 7);
    login_ = url.substr(url.find("#login=") + 7);
    const std::string answer = Post("/api/login", absl::StrCat(R"({"login":")", login_, R"("})"));
    ASSERT_EQ(StatusOf(answer), 200) << answer;
    cookie_ = Between(answer, kCookieName, ";");
    proof_ = Between(answer, R"("proof":")", "\"");
    ASSERT_NE(cookie_, "");
    ASSERT_NE(proof_, "");
  }

  // With what a browser sends for our own page; `changes` replace headers, "" removes one.
  std::string Head(const std::string& path, std::size_t length,
                   const std::map<std::string, std::string>& changes = {}) const {
    std::map<std::string, std::string> headers = {{"Host", address_},
                                                  {"Origin", "http://" + address_},
                                                  {"Sec-Fetch-Site", "same-origin"},
                                                  {"Content-Type", "application/json"},
                                                  {"Cookie", absl::StrCat("other=1; ", kCookieName, cookie_)},
                                                  {"Banger-Console-Proof", proof_},
                                                  {"Connection", "close"}};
    for (const auto& [name, value] : changes) headers[name] = value;
    std::string head = absl::StrCat("POST ", path, " HTTP/1.1\r\nContent-Length: ", length, "\r\n");
    for (const auto& [name, value] : headers)
      if (!value.empty()) absl::StrAppend(&head, name, ": ", value, "\r\n");
    return head + "\r\n";
  }

  std::string Post(const std::string& path, const std::string& body,
                   const std::map<std::string, std::string>& changes = {}) const {
    return Exchange(address_, Head(path, body.size(), changes) + body);
  }

  std::string Get(const std::string& path, const std::string& host = "") const {
    return Exchange(address_, absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ",
                                           host.empty() ? address_ : host, "\r\nConnection: close\r\n\r\n"));
  }

  static std::string Between(const std::string& text, const std::string& before, const std::string& after) {
    const std::size_t from = text.find(before);
    if (from == std::string::npos) return "";
    const std::size_t at = from + before.size();
    return text.substr(at, text.find(after, at) - at);
  }

  std::string role_ = "operator";
  std::string address_;
  std::string login_;
  std::string cookie_;
  std::string proof_;
};

}  // namespace banger::gateway
