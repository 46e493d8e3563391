// A whole gateway's /metrics, with daemons that answer, hang and are away.
#include <grpcpp/generic/generic_stub.h>
#include <signal.h>

#include <map>
#include <thread>

#include "absl/strings/str_split.h"
#include "banger/system/v1/console_service.grpc.pb.h"
#include "banger/system/v1/metrics_service.grpc.pb.h"
#include "banger/system/v1/system_service.grpc.pb.h"
#include "services/gateway/testing/gateway_fixture.h"
#include "services/gateway/testing/http_client.h"
#include "services/gateway/testing/log_capture.h"
#include "services/gateway/testing/peer_process.h"

namespace banger::gateway {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class MetricsTest : public GatewayTest {
 protected:
  MetricsTest() { config_.metrics_listen_addr = "127.0.0.1:0"; }

  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // as daemons do
    GatewayTest::SetUp();
    const std::string line = log_.Line("serving metrics");
    ASSERT_THAT(line, HasSubstr("address=127.0.0.1:"));
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

TEST_F(MetricsTest, AllDaemonsAreOnOnePageAndThoseAwayAreDown) {
  StartVmdProcess();
  ASSERT_OK(GetVm("vms/a"));
  const std::map<std::string, double> values = Scrape();
  EXPECT_EQ(values.at(Up("gateway")), 1);
  EXPECT_EQ(values.at(Up("vmd")), 1);
  for (const char* away : {"imaged", "kerneld", "netd"}) EXPECT_EQ(values.at(Up(away)), 0) << away;
  for (const char* there : {"gateway", "vmd"}) {
    EXPECT_GT(values.at(absl::StrCat("process_resident_memory_bytes{daemon=\"", there, "\"}")), 1 << 20);
    EXPECT_THAT(values, Contains(Pair(HasSubstr(absl::StrCat("banger_build_info{daemon=\"", there)), 1)));
  }
  EXPECT_THAT(values, Not(Contains(Pair(HasSubstr("process_threads{daemon=\"imaged\""), ::testing::_))));

  const std::string page = Ask("GET /metrics");
  EXPECT_THAT(page, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  std::map<std::string, int> types;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(page, '\n')))
    if (line.starts_with("# TYPE ")) ++types[line];
  EXPECT_GT(types.size(), 9u);
  for (const auto& [type, count] : types) EXPECT_EQ(count, 1) << type;
}

TEST_F(MetricsTest, EachForwardedCallIsCountedOnceHereAndOnceInItsDaemon) {
  StartVmdProcess();
  for (int i = 0; i < 3; ++i) ASSERT_OK(GetVm("vms/a"));
  EXPECT_THAT(GetVm("vms/missing"), StatusIs(absl::StatusCode::kNotFound));
  {
    grpc::ClientContext context;
    vm::v1::ReadVmLogRequest request;
    request.set_tail_lines(2);
    const auto stream = vms_->ReadVmLog(&context, request);
    vm::v1::ReadVmLogResponse response;
    while (stream->Read(&response)) {
    }
    EXPECT_TRUE(stream->Finish().ok());
  }
  {
    grpc::ClientContext context;
    const auto stream = vms_->ExecVm(&context);
    vm::v1::ExecVmRequest request;
    request.set_name("vms/refuse");
    ASSERT_TRUE(stream->Write(request));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  }
  for (const char* daemon : {"gateway", "vmd"})
    EXPECT_THAT(Handled(daemon),
                ElementsAre(Pair("ExecVm FAILED_PRECONDITION", 1), Pair("GetVm NOT_FOUND", 1),
                            Pair("GetVm OK", 3), Pair("ReadVmLog OK", 1)))
        << daemon;
  EXPECT_EQ(InFlight("gateway"), 0);
  EXPECT_EQ(InFlight("vmd"), 0);
}

TEST_F(MetricsTest, ACallIsInFlightUntilItIsCancelled) {
  StartVmdProcess();
  grpc::ClientContext context;
  const auto stream = vms_->ExecVm(&context);
  vm::v1::ExecVmRequest request;
  request.set_name("vms/hang");
  ASSERT_TRUE(stream->Write(request));
  EXPECT_TRUE(Eventually([this] { return InFlight("gateway") == 1 && InFlight("vmd") == 1; }));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([this] { return InFlight("gateway") == 0 && InFlight("vmd") == 0; }));
  EXPECT_THAT(Handled("gateway"), ElementsAre(Pair("ExecVm CANCELLED", 1)));
  EXPECT_THAT(Handled("vmd"), ElementsAre(Pair("ExecVm CANCELLED", 1)));
}

TEST_F(MetricsTest, ACallForADaemonThatIsAwayIsCountedOnce) {
  EXPECT_THAT(GetVm("vms/a"), StatusIs(absl::StatusCode::kUnavailable));
  // Nobody waits any more: the other way to refuse.
  EXPECT_THAT(GetVm("vms/a"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Handled("gateway"), ElementsAre(Pair("GetVm UNAVAILABLE", 2)));
}

TEST_F(MetricsTest, TheGatewaysOwnCallsAreCountedOnceToo) {
  rpc::ClientCall list("", kSoon), login("", kSoon);
  system::v1::ListDaemonsResponse daemons;
  ASSERT_OK(
      rpc::FromGrpc(system::v1::SystemService::NewStub(channel_)->ListDaemons(list.context(), {}, &daemons)));
  system::v1::CreateConsoleLoginResponse url;
  EXPECT_THAT(rpc::FromGrpc(system::v1::ConsoleService::NewStub(channel_)->CreateConsoleLogin(login.context(),
                                                                                              {}, &url)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Handled("gateway"),
              ElementsAre(Pair("CreateConsoleLogin FAILED_PRECONDITION", 1), Pair("ListDaemons OK", 1)));
}

TEST_F(MetricsTest, WhatNobodyServesIsOneSeries) {
  const auto stub = system::v1::MetricsService::NewStub(channel_);
  rpc::ClientCall call("", kSoon);
  system::v1::GetMetricsResponse response;
  // Daemons have it for the gateway, which forwards it to nobody.
  EXPECT_EQ(ErrorReason(rpc::FromGrpc(stub->GetMetrics(call.context(), {}, &response))), "SERVICE_UNKNOWN");
  grpc::GenericStub any(channel_);
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto made_up = any.PrepareUnaryCall(&context, absl::StrCat("/a.b.C/M", i), {}, &queue);
    grpc::ByteBuffer answer;
    grpc::Status status;
    made_up->StartCall();
    made_up->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
  EXPECT_THAT(Handled("gateway"),
              ElementsAre(Pair("GetMetrics UNIMPLEMENTED", 1), Pair("unknown UNIMPLEMENTED", 50)));
}

// Connections wait there for ever, as with a process that is stopped.
TEST_F(MetricsTest, ADaemonThatHangsIsDownAndHoldsNobodyUp) {
  StartVmdProcess();
  ASSERT_OK_AND_ASSIGN(const UniqueFd hung, ListenUnix(paths_.Socket("imaged"), 0600));
  const std::map<std::string, double> values = Scrape();
  EXPECT_EQ(values.at(Up("imaged")), 0);
  EXPECT_EQ(values.at(Up("vmd")), 1);
}

TEST_F(MetricsTest, ADaemonThatIsKilledIsDownAndUpAgainWithCountersFromZero) {
  StartVmdProcess();
  ASSERT_OK(GetVm("vms/a"));
  ASSERT_OK(peer_->process.Signal(SIGKILL));
  ASSERT_TRUE(Eventually([this] { return !VmdIsSeen(); }));
  EXPECT_EQ(Scrape().at(Up("vmd")), 0);
  StartVmdProcess();
  EXPECT_EQ(Scrape().at(Up("vmd")), 1);
  EXPECT_THAT(Handled("vmd"), ::testing::IsEmpty());
  EXPECT_THAT(Handled("gateway"), ElementsAre(Pair("GetVm OK", 1)));
}

TEST_F(MetricsTest, ThereIsNothingElseThere) {
  for (const char* path :
       {"/", "/metrics/", "/METRICS", "/metrics/../metrics", "//metrics", "/api/login", "/console.js"})
    EXPECT_EQ(StatusOf(Ask(absl::StrCat("GET ", path))), 404) << path;
  EXPECT_EQ(StatusOf(Ask("GET /metrics?name[]=up")), 200);
  const std::string post = Exchange(
      address_, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(StatusOf(post), 405);
  EXPECT_THAT(post, HasSubstr("Allow: GET\r\n"));
  for (const char* method : {"HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
    EXPECT_EQ(StatusOf(Ask(absl::StrCat(method, " /metrics"))), 405) << method;
  EXPECT_EQ(StatusOf(Exchange(address_, "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")),
            413);
}

TEST_F(MetricsTest, ManyMayScrapeAtOnce) {
  StartVmdProcess();
  std::vector<std::jthread> scrapers;
  for (int i = 0; i < 8; ++i)
    scrapers.emplace_back([this] {
      for (int round = 0; round < 10; ++round) EXPECT_EQ(Scrape().at(Up("vmd")), 1);
    });
}

TEST_F(MetricsTest, OneConnectionTooManyIsClosed) {
  std::vector<std::unique_ptr<HttpClient>> idle;
  for (unsigned i = 0; i < 16; ++i) {
    idle.push_back(std::make_unique<HttpClient>(address_));
    idle.back()->Send("GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(idle.back()->Read("\r\n\r\n"), HasSubstr("404"));
  }
  EXPECT_EQ(Ask("GET /metrics"), "");
  idle.clear();
  EXPECT_TRUE(Eventually([this] { return StatusOf(Ask("GET /metrics")) == 200; }));
}

// The gateway does not start at all.
TEST_F(MetricsTest, AnAddressThatIsTakenOrWrongIsNamedWithItsKey) {
  config_.metrics_listen_addr = address_;
  EXPECT_THAT(MakeParts({.config = config_, .paths = paths_, .workers = *workers_, .metrics = metrics_})
                  .status()
                  .ToString(),
              AllOf(HasSubstr("metrics_listen_addr in the configuration"),
                    HasSubstr(config_.metrics_listen_addr), HasSubstr("in use")));
  config_.metrics_listen_addr = "metrics.example.org:80";
  EXPECT_THAT(MakeParts({.config = config_, .paths = paths_, .workers = *workers_, .metrics = metrics_}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("metrics_listen_addr in the configuration: 'metrics.example.org:80'")));
}

class NoMetricsTest : public GatewayTest {
 protected:
  const LogCapture log_;
};

TEST_F(NoMetricsTest, NobodyListensUnlessTheConfigurationSaysWhere) {
  EXPECT_EQ(log_.Line("serving metrics"), "");
}

class RolelessMetricsTest : public MetricsTest {
 protected:
  RolelessMetricsTest() { role_ = "none"; }
};

TEST_F(RolelessMetricsTest, RefusedCallsAreCountedOnce) {
  EXPECT_THAT(GetVm("vms/a"), StatusIs(absl::StatusCode::kPermissionDenied));
  rpc::ClientCall list("", kSoon);
  system::v1::ListDaemonsResponse daemons;
  EXPECT_THAT(
      rpc::FromGrpc(system::v1::SystemService::NewStub(channel_)->ListDaemons(list.context(), {}, &daemons)),
      StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(Handled("gateway"),
              ElementsAre(Pair("GetVm PERMISSION_DENIED", 1), Pair("ListDaemons PERMISSION_DENIED", 1)));
}

}  // namespace
}  // namespace banger::gateway
