// Twenty clients for half an hour (BANGER_SOAK_SECONDS), while a daemon is killed or
// stopped every twenty seconds: what may safely be asked twice never fails for who asks
// again, and no daemon keeps more than it had.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/daemon_figures.h"
#include "tests/e2e/soak_client.h"
#include "tests/e2e/tls_instance.h"

namespace banger::e2e {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int kClients = 20;
// Every fourth client is on another host, these boot VMs of their own.
constexpr int kBooting = 2;
constexpr char kAddress[] = "127.0.0.1:7443";
constexpr auto kBetweenRestarts = 20s;

std::chrono::seconds Duration() {
  const char* seconds = std::getenv("BANGER_SOAK_SECONDS");
  return std::chrono::seconds(seconds != nullptr ? std::atoi(seconds) : 1800);
}

class SoakTest : public TlsInstanceTest {
 protected:
  static void SetUpTestSuite() { StartTlsInstance("[vm_defaults]\nvcpu = 1\nmemory_mib = 128\n", kAddress); }

  static std::shared_ptr<grpc::Channel> Connect(int number) {
    if (number % 4 != 3) return rpc::ConnectDaemon(instance_->root() / "run" / "gateway.sock");
    auto channel = tls_->Connect(kAddress, "operator");
    EXPECT_OK(channel);
    return *std::move(channel);
  }

  static void Work(Tally& tally, const std::function<void()>& meanwhile) {
    std::vector<std::jthread> clients;
    for (int i = 0; i < kClients; ++i)
      clients.emplace_back([&tally, i](const std::stop_token& stop) {
        SoakClient([i] { return Connect(i); }, i, i < kBooting, tally).Run(stop);
      });
    meanwhile();
  }

  static std::map<std::string, DaemonFigures> Figures(const char* when) {
    std::map<std::string, DaemonFigures> all;
    for (const std::string& daemon : instance_->daemons()) {
      const absl::StatusOr<DaemonFigures> one = FiguresOf(*instance_, daemon);
      EXPECT_OK(one);
      if (!one.ok()) continue;
      std::printf("# %s: %s %.1f MiB, %d descriptors, %d threads\n", when, daemon.c_str(), one->private_mib,
                  one->descriptors, one->threads);
      all[daemon] = *one;
    }
    return all;
  }

  // Until there were so many more calls, and not before `when`.
  static void WaitForWork(const Tally& tally, int calls, steady_clock::time_point when) {
    const int goal = tally.asked + tally.done + calls;
    EXPECT_TRUE(Eventually([&] { return steady_clock::now() >= when && tally.asked + tally.done >= goal; },
                           kBetweenRestarts + 4 * kPatience))
        << "the clients do not get on: " << tally.asked << " and " << tally.done << " of " << goal;
  }

  // In turns, by crash and by stop, each when the clients got on after the one before. The
  // gateway and vmd in the first half only: what they keep is seen in the second. How many.
  static int RestartDaemons(const Tally& tally, std::chrono::seconds duration) {
    const auto begin = steady_clock::now();
    std::vector<std::string> turn = instance_->daemons();
    int restarts = 0;
    for (std::size_t i = 0; steady_clock::now() - begin < duration && !HasFailure(); ++i) {
      WaitForWork(tally, kClients, steady_clock::now() + kBetweenRestarts);
      if (steady_clock::now() - begin > duration / 2)
        std::erase_if(turn, [](const std::string& daemon) { return daemon == "gateway" || daemon == "vmd"; });
      const std::string& daemon = turn[i % turn.size()];
      if (i / turn.size() % 2 == 0) {
        instance_->CrashDaemon(daemon);
      } else {
        EXPECT_OK(instance_->StopDaemon(daemon));
      }
      EXPECT_OK(instance_->StartDaemon(daemon));
      ++restarts;
    }
    return restarts;
  }
};

TEST_F(SoakTest, TwentyClientsForHalfAnHour) {
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "mini"}));
  EXPECT_EQ(Exec("box", "echo alive"), "alive\n");
  const auto cold = Figures("cold");
  Tally tally;
  // Warm: an allocator has had its peaks.
  Work(tally, [&] { WaitForWork(tally, 50 * kClients, steady_clock::now()); });
  const HostSnapshot host = instance_->Snapshot();
  const auto warm = Figures("warm");
  int restarts = 0;
  Work(tally, [&] { restarts = RestartDaemons(tally, Duration()); });

  std::printf("# %d restarts; %d asked, %d of them again; %d done, %d of them cut short\n", restarts,
              tally.asked.load(), tally.asked_again.load(), tally.done.load(), tally.cut_short.load());
  for (const auto& [what, count] : tally.failures) ADD_FAILURE() << count << " times " << what;
  EXPECT_GT(tally.asked, 0);
  // What every client had under way, and what it found being undone.
  EXPECT_LE(tally.cut_short, 2 * kClients * restarts);
  EXPECT_TRUE(Eventually([&] { return instance_->Snapshot() == host; }))
      << Changes(host, instance_->Snapshot());
  const std::string ids = Run({"vm", "list", "--all", "--quiet"}).out;
  EXPECT_EQ(std::count(ids.begin(), ids.end(), '\n'), 1) << ids;
  EXPECT_EQ(Exec("box", "echo alive"), "alive\n");
  const auto after = Figures("after");
  for (const auto& [daemon, was] : cold) {
    ASSERT_TRUE(after.contains(daemon)) << daemon << " does not answer";
    const DaemonFigures& is = after.at(daemon);
    EXPECT_TRUE(Eventually([&, &name = daemon] {
      const absl::StatusOr<DaemonFigures> now = FiguresOf(*instance_, name);
      return now.ok() && now->descriptors <= was.descriptors + 4;
    })) << daemon
        << " keeps " << is.descriptors << " descriptors of " << was.descriptors;
    // A stream that nobody ends keeps its worker.
    EXPECT_LE(is.threads, warm.at(daemon).threads + kClients) << daemon;
    // Half as much again is what an allocator keeps after a peak.
    EXPECT_LE(is.private_mib, warm.at(daemon).private_mib * 1.5 + 8) << daemon;
  }
  Succeeds({"vm", "delete", "--force", "box"});
}

}  // namespace
}  // namespace banger::e2e
