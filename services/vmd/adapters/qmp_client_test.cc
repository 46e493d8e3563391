#include "services/vmd/adapters/qmp_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

// The other end of a monitor: answers each line as it is told to.
class FakeQemu {
 public:
  using Answer = std::function<std::string(const json& command)>;

  explicit FakeQemu(std::string greeting, Answer answer) : answer_(std::move(answer)) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ours_.Reset(fds[0]);
    theirs_.Reset(fds[1]);
    thread_ = std::thread([this, greeting = std::move(greeting)] { Serve(greeting); });
  }
  ~FakeQemu() {
    Hangup();
    thread_.join();
  }
  UniqueFd TakeSocket() { return std::move(theirs_); }
  // A client that has hung up ends it.
  void Send(const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = ::send(ours_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (n <= 0) return;
      done += static_cast<std::size_t>(n);
    }
  }
  void Hangup() { ::shutdown(ours_.get(), SHUT_RDWR); }

 private:
  void Serve(const std::string& greeting) {
    Send(greeting);
    std::string line;
    char c = 0;
    while (::read(ours_.get(), &c, 1) == 1) {
      line += c;
      if (c != '\n') continue;
      Send(answer_(json::parse(line)));
      line.clear();
    }
  }

  const Answer answer_;
  UniqueFd ours_;
  UniqueFd theirs_;
  std::thread thread_;
};

const char kGreeting[] = R"({"QMP": {"version": {}, "capabilities": []}})"
                         "\n";
const QmpClient::OnEvent kIgnore = [](const std::string&, const json&) {};

std::string Reply(const json& command, const json& with) {
  json reply = with;
  reply["id"] = command["id"];
  return reply.dump() + "\n";
}
std::string Agree(const json& command) { return Reply(command, {{"return", json::object()}}); }

// Agrees to the greeting, then does as told.
FakeQemu::Answer AfterGreeting(const FakeQemu::Answer& answer) {
  return [answer](const json& command) {
    return command["execute"] == "qmp_capabilities" ? Agree(command) : answer(command);
  };
}

TEST(QmpClientTest, GreetsAndExecutes) {
  FakeQemu qemu(kGreeting, AfterGreeting([](const json& command) {
                  EXPECT_EQ(command["arguments"]["a"], 1);
                  return Reply(command, {{"return", {{"status", command["execute"]}}}});
                }));
  QmpClient client(qemu.TakeSocket(), kIgnore);
  ASSERT_OK_AND_ASSIGN(const json result, client.Execute("query-status", 10s, {{"a", 1}}));
  EXPECT_EQ(result["status"], "query-status");
}

TEST(QmpClientTest, GivesQemusWordsForARefusal) {
  FakeQemu qemu(kGreeting, AfterGreeting([](const json& command) {
                  return Reply(command, {{"error", {{"class", "GenericError"}, {"desc", "no such device"}}}});
                }));
  QmpClient client(qemu.TakeSocket(), kIgnore);
  EXPECT_THAT(client.Execute("device_del", 10s),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("device_del': no such device")));
}

TEST(QmpClientTest, EventsArriveBetweenAndEndIsSeen) {
  std::atomic<int> events = 0;
  FakeQemu qemu(kGreeting, AfterGreeting([](const json& command) {
                  return absl::StrCat(R"({"event": "SHUTDOWN", "data": {"reason": "guest-reset"}})", "\n",
                                      Agree(command), R"({"event": "STOP"})", "\n");
                }));
  QmpClient client(qemu.TakeSocket(), [&](const std::string& name, const json& data) {
    EXPECT_TRUE(name == "STOP" || data["reason"] == "guest-reset") << name;
    ++events;
  });
  EXPECT_OK(client.Execute("cont", 10s));
  qemu.Hangup();
  EXPECT_TRUE(client.WaitForEnd(10s));
  EXPECT_EQ(events, 2);
  EXPECT_THAT(client.Execute("cont", 10s), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(QmpClientTest, ASilentQemuCostsTheDeadlineOnly) {
  FakeQemu mute("", [](const json&) { return ""; });
  QmpClient client(mute.TakeSocket(), kIgnore);
  EXPECT_THAT(client.Execute("cont", 20ms),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("greet")));

  FakeQemu deaf(kGreeting, AfterGreeting([](const json&) { return ""; }));
  QmpClient other(deaf.TakeSocket(), kIgnore);
  EXPECT_THAT(other.Execute("cont", 20ms), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(QmpClientTest, ALateAnswerIsNotTakenForTheNextOne) {
  std::string late;
  FakeQemu qemu(kGreeting, AfterGreeting([&](const json& command) -> std::string {
                  if (command["execute"] == "slow") {
                    late = Reply(command, {{"return", "slow"}});
                    return "";
                  }
                  return late + Reply(command, {{"return", "quick"}});
                }));
  QmpClient client(qemu.TakeSocket(), kIgnore);
  EXPECT_THAT(client.Execute("slow", 20ms), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(client.Execute("quick", 10s), IsOkAndHolds(json("quick")));
}

TEST(QmpClientTest, WhatIsNoQmpEndsTheConnection) {
  for (const std::string& nonsense :
       {std::string("hello\n"), std::string("[1]\n"), std::string("{}\n"), std::string("{\"event\": 7}\n"),
        std::string("{\"return\": {}, \"id\": \"0\"}\n"), std::string(2 << 20, 'x'), std::string("{\"QMP\""),
        std::string(1000, '[') + "\n", std::string("\xff\xfe\n")}) {
    FakeQemu qemu(kGreeting, AfterGreeting([&](const json&) { return nonsense; }));
    QmpClient client(qemu.TakeSocket(), kIgnore);
    const auto executed = client.Execute("cont", 500ms);
    EXPECT_FALSE(executed.ok()) << nonsense.substr(0, 40);
  }
}

TEST(QmpClientTest, DeepNestingEndsTheConnectionNotVmd) {
  constexpr int kDepth = 200'000;
  FakeQemu qemu(kGreeting, AfterGreeting([](const json&) {
                  return absl::StrCat(R"({"event": "X", "data": {"a": )", std::string(kDepth, '['),
                                      std::string(kDepth, ']'), "}}\n");
                }));
  QmpClient client(qemu.TakeSocket(), kIgnore);
  EXPECT_THAT(client.Execute("stop", 10s), ::testing::Not(IsOk()));
}

TEST(QmpClientTest, ManyThreadsGetTheirOwnAnswers) {
  FakeQemu qemu(kGreeting, AfterGreeting([](const json& command) {
                  return Reply(command, {{"return", command["arguments"]}});
                }));
  QmpClient client(qemu.TakeSocket(), kIgnore);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 50; ++n) {
        const json mine = {{"thread", i}, {"n", n}};
        EXPECT_THAT(client.Execute("echo", 20s, mine), IsOkAndHolds(mine));
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace banger::vmd
