// A gateway with /metrics, and a vmd behind it that counts for itself.
#pragma once

#include <signal.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/gateway/testing/gateway_fixture.h"
#include "services/gateway/testing/http_client.h"
#include "services/gateway/testing/log_capture.h"
#include "services/gateway/testing/peer_process.h"

namespace banger::gateway {

class MetricsFixture : public GatewayTest {
 protected:
  MetricsFixture() { config_.metrics_listen_addr = "127.0.0.1:0"; }

  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // as daemons do
    GatewayTest::SetUp();
    const std::string line = log_.Line("serving metrics");
    ASSERT_THAT(line, ::testing::HasSubstr("address=127.0.0.1:"));
    address_ = line.substr(line.find("127.0.0.1:"));
    address_.resize(address_.find_first_not_of("0123456789.:"));
  }
  void TearDown() override {
    peer_.reset();
    GatewayTest::TearDown();
  }

  std::string RoleOf(const PeerCredentials&, const std::vector<gid_t>&) override { return role_; }

  // A vmd that counts for itself: what is in this process would be counted with the
  // gateway's calls.
  void StartVmdProcess() {
    auto peer = PeerProcess::Start("vmd", paths_.Socket("vmd"));
    ASSERT_OK(peer);
    peer_.emplace(*std::move(peer));
    ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
  }

  std::string Ask(const std::string& request_line) const {
    return Exchange(address_,
                    absl::StrCat(request_line, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  }
  // The body's lines that are no comments: "name{labels}" and the value.
  std::map<std::string, double> Scrape() const {
    const std::string answer = Ask("GET /metrics");
    EXPECT_EQ(StatusOf(answer), 200) << answer;
    std::map<std::string, double> values;
    const std::vector<std::string> lines =
        absl::StrSplit(answer.substr(answer.find("\r\n\r\n") + 4), '\n', absl::SkipEmpty());
    for (const std::string& line : lines) {
      if (line.starts_with('#')) continue;
      const std::size_t blank = line.rfind(' ');
      double value = 0;
      EXPECT_TRUE(absl::SimpleAtod(line.substr(blank + 1), &value)) << line;
      EXPECT_TRUE(values.emplace(line.substr(0, blank), value).second) << "twice: " << line;
    }
    return values;
  }
  // "GetVm OK": the calls of a daemon that have ended so.
  std::map<std::string, double> Handled(const std::string& daemon) const {
    std::map<std::string, double> handled;
    for (const auto& [series, value] : Scrape()) {
      if (!series.starts_with(absl::StrCat("grpc_server_handled_total{daemon=\"", daemon, "\""))) continue;
      handled[absl::StrCat(Label(series, "grpc_method"), " ", Label(series, "grpc_code"))] = value;
    }
    handled.erase("GetMetrics OK");  // our own
    return handled;
  }
  double InFlight(const std::string& daemon) const {
    double all = 0;
    for (const auto& [series, value] : Scrape())
      if (series.starts_with(absl::StrCat("grpc_server_in_flight{daemon=\"", daemon, "\"")) &&
          Label(series, "grpc_method") != "GetMetrics")
        all += value;
    return all;
  }
  static std::string Label(const std::string& series, const std::string& name) {
    const std::string before = name + "=\"";
    const std::size_t at = series.find(before);
    if (at == std::string::npos) return "";
    return series.substr(at + before.size(), series.find('"', at + before.size()) - at - before.size());
  }
  static std::string Up(const std::string& daemon) {
    return absl::StrCat("banger_daemon_up{daemon=\"", daemon, "\"}");
  }

  const LogCapture log_;
  std::string role_ = "admin";
  std::string address_;
  std::optional<PeerProcess> peer_;
};

}  // namespace banger::gateway
