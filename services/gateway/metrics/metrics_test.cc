// The page of a whole gateway, with daemons that answer, hang and are away.
#include <thread>

#include "services/gateway/testing/metrics_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class MetricsTest : public MetricsFixture {};

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

}  // namespace
}  // namespace banger::gateway
