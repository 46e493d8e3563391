// /metrics of a whole banger, fetched by curl and read by Prometheus' own parser. Needs no
// VM.
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

using nlohmann::json;
using Labels = std::map<std::string, std::string>;

// What one scrape gave.
class Page {
 public:
  explicit Page(const json& families) {
    for (const json& family : families) {
      EXPECT_TRUE(types_.emplace(family["name"], family["type"]).second) << family["name"];
      EXPECT_NE(family["help"], "") << family["name"];
      for (const json& sample : family["samples"]) {
        const auto key = std::pair(sample["name"].get<std::string>(), sample["labels"].get<Labels>());
        EXPECT_TRUE(samples_.emplace(key, sample["value"].get<double>()).second) << sample;
      }
    }
  }

  std::string TypeOf(const std::string& family) const {
    const auto found = types_.find(family);
    return found == types_.end() ? "" : found->second;
  }

  // The sum of the samples of that name that have these labels.
  double Sum(const std::string& name, const Labels& labels) const {
    double sum = 0;
    for (const auto& [key, value] : samples_)
      if (key.first == name && Has(key.second, labels)) sum += value;
    return sum;
  }
  int Count(const std::string& name, const Labels& labels) const {
    int count = 0;
    for (const auto& [key, value] : samples_) count += key.first == name && Has(key.second, labels) ? 1 : 0;
    return count;
  }
  const std::map<std::pair<std::string, Labels>, double>& samples() const { return samples_; }

 private:
  static bool Has(const Labels& all, const Labels& some) {
    for (const auto& label : some)
      if (!all.contains(label.first) || all.at(label.first) != label.second) return false;
    return true;
  }

  std::map<std::string, std::string> types_;
  std::map<std::pair<std::string, Labels>, double> samples_;
};

class MetricsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto instance = Instance::Start({.config = "metrics_listen_addr = \"127.0.0.1:0\"\n"});
    ASSERT_OK(instance);
    instance_ = new Instance(*std::move(instance));
  }
  static void TearDownTestSuite() {
    delete instance_;
    instance_ = nullptr;
  }
  void SetUp() override {
    ASSERT_NE(instance_, nullptr);
    ASSERT_OK_AND_ASSIGN(const std::string log, ReadFile(instance_->Log("gateway")));
    std::smatch match;
    ASSERT_TRUE(std::regex_search(log, match, std::regex("serving metrics .*address=([0-9.:]+)"))) << log;
    address_ = match[1];
  }

  static CommandResult RunProgram(std::vector<std::string> argv, const std::string& input = "") {
    auto result = RunCommand({.argv = std::move(argv)}, input);
    EXPECT_OK(result);
    return result.ok() ? *std::move(result) : CommandResult{};
  }
  std::string Url() const { return absl::StrCat("http://", address_, "/metrics"); }

  Page Scrape() const {
    const CommandResult page = RunProgram({"curl", "-sS", "--fail", Url()});
    EXPECT_TRUE(page.status.success()) << page.err;
    const CommandResult read =
        RunProgram({"/usr/bin/python3", BANGER_SOURCE_DIR "/tests/e2e/metrics_page.py"}, page.out);
    EXPECT_TRUE(read.status.success()) << read.err << page.out;
    return Page(json::parse(read.out, nullptr, false));
  }

  // What each daemon does for people, the last one going wrong.
  static std::map<std::string, std::vector<std::vector<std::string>>> Commands() {
    std::map<std::string, std::vector<std::vector<std::string>>> commands = {
        {"kerneld", {{"kernel", "list"}, {"kernel", "show", "nope"}}},
        {"imaged", {{"image", "list"}, {"image", "show", "nope"}}},
        {"vmd", {{"vm", "list"}, {"vm", "show", "nope"}}}};
    if (instance_->daemons().front() == "netd") commands["netd"] = {{"system", "network"}};
    return commands;
  }

  static inline Instance* instance_ = nullptr;
  std::string address_;
};

TEST_F(MetricsTest, EveryDaemonIsThereWithWhatItDidAndWhatItUses) {
  const Page before = Scrape();
  for (const auto& [daemon, commands] : Commands())
    for (const std::vector<std::string>& command : commands)
      EXPECT_EQ(instance_->Banger(command).status.success(), command.back() != "nope") << command.back();
  const Page after = Scrape();

  EXPECT_EQ(after.Count("banger_daemon_up", {}), 5);
  for (const std::string& daemon : instance_->daemons()) {
    const Labels of = {{"daemon", daemon}};
    EXPECT_EQ(after.Sum("banger_daemon_up", of), 1) << daemon;
    EXPECT_GT(after.Sum("process_resident_memory_bytes", of), 1 << 20) << daemon;
    EXPECT_GT(after.Sum("process_open_fds", of), 3) << daemon;
    EXPECT_GT(after.Sum("process_threads", of), 1) << daemon;
    EXPECT_GE(after.Sum("process_cpu_seconds_total", of), before.Sum("process_cpu_seconds_total", of));
    const double start = after.Sum("process_start_time_seconds", of);
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    EXPECT_LT(start, now + 1) << daemon;
    EXPECT_GT(start, now - 3600) << daemon;
    EXPECT_EQ(after.Count("banger_build_info", of), 1) << daemon;
  }
  for (const auto& [daemon, commands] : Commands()) {
    const auto ok = [&daemon = daemon](const Page& page) {
      return page.Sum("grpc_server_handled_total", {{"daemon", daemon}, {"grpc_code", "OK"}}) -
             page.Sum("grpc_server_handled_total", {{"daemon", daemon}, {"grpc_method", "GetMetrics"}});
    };
    EXPECT_GT(ok(after), ok(before)) << daemon;
  }
  for (const char* method : {"GetKernel", "GetImage", "GetVm"}) {
    const Labels failed = {{"grpc_method", method}, {"grpc_code", "NOT_FOUND"}};
    // In the gateway and in the daemon behind it.
    EXPECT_EQ(
        after.Sum("grpc_server_handled_total", failed) - before.Sum("grpc_server_handled_total", failed), 2)
        << method;
  }
}

TEST_F(MetricsTest, TheParserFindsTypesAndTimesThatFitTheCounts) {
  ASSERT_TRUE(instance_->Banger({"vm", "list"}).status.success());
  const Page page = Scrape();
  EXPECT_EQ(page.TypeOf("grpc_server_handled"), "counter");
  EXPECT_EQ(page.TypeOf("grpc_server_handling_seconds"), "histogram");
  EXPECT_EQ(page.TypeOf("grpc_server_in_flight"), "gauge");
  EXPECT_EQ(page.TypeOf("process_cpu_seconds"), "counter");
  EXPECT_EQ(page.TypeOf("banger_vms"), "gauge");
  EXPECT_EQ(page.Count("banger_vms", {{"daemon", "vmd"}}), 7);
  EXPECT_EQ(page.Sum("banger_vms", {}), 0);
  int histograms = 0;
  for (const auto& [key, count] : page.samples()) {
    if (key.first != "grpc_server_handling_seconds_count") continue;
    ++histograms;
    EXPECT_EQ(page.Sum("grpc_server_handled_total", key.second), count) << key.second.at("grpc_method");
    Labels infinite = key.second;
    infinite["le"] = "+Inf";
    EXPECT_EQ(page.Sum("grpc_server_handling_seconds_bucket", infinite), count);
  }
  EXPECT_GT(histograms, 4);
  // Nobody's name, id, address or image is in a label.
  std::set<std::string> labels;
  for (const auto& [key, value] : page.samples())
    for (const auto& label : key.second) labels.insert(label.first);
  EXPECT_EQ(labels, (std::set<std::string>{"commit", "daemon", "grpc_code", "grpc_method", "grpc_service",
                                           "grpc_type", "le", "state", "version"}));
}

TEST_F(MetricsTest, AKilledDaemonIsDownAndTheOthersAreThereAllTheSame) {
  for (const std::string& killed : instance_->daemons()) {
    if (killed == "gateway") continue;
    instance_->CrashDaemon(killed);
    const Page page = Scrape();
    for (const std::string& daemon : instance_->daemons())
      EXPECT_EQ(page.Sum("banger_daemon_up", {{"daemon", daemon}}), daemon == killed ? 0 : 1)
          << daemon << " while " << killed << " is down";
    EXPECT_EQ(page.Count("process_threads", {{"daemon", killed}}), 0) << killed;
    ASSERT_OK(instance_->StartDaemon(killed));
    EXPECT_TRUE(Eventually([&] {
      return Scrape().Sum("banger_daemon_up", {{"daemon", killed}}) == 1;
    })) << killed;
  }
}

TEST_F(MetricsTest, TheDocumentationNamesAllOfThemAndNoOther) {
  ASSERT_TRUE(instance_->Banger({"vm", "list"}).status.success());
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(BANGER_SOURCE_DIR "/docs/metrics.md"));
  const auto names = [](const std::string& in, const char* pattern) {
    std::set<std::string> found;
    const std::regex row(pattern);
    for (std::sregex_iterator at(in.begin(), in.end(), row), end; at != end; ++at) found.insert((*at)[1]);
    return found;
  };
  EXPECT_EQ(names(text, R"(\n\| `([a-z_]+)` \| (?:counter|gauge|histogram) \|)"),
            names(RunProgram({"curl", "-sS", Url()}).out, R"(# TYPE (\S+) )"));
}

TEST_F(MetricsTest, OnlyMetricsAreServed) {
  const auto status = [this](const std::vector<std::string>& more) {
    std::vector<std::string> argv = {"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"};
    argv.insert(argv.end(), more.begin(), more.end());
    return RunProgram(argv).out;
  };
  EXPECT_EQ(status({Url()}), "200");
  EXPECT_EQ(status({absl::StrCat("http://", address_, "/")}), "404");
  EXPECT_EQ(status({"-X", "POST", "-d", "", Url()}), "405");
  EXPECT_EQ(status({"-X", "DELETE", Url()}), "405");
}

}  // namespace
}  // namespace banger::e2e
