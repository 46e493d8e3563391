// Twenty clients for half an hour (BANGER_SOAK_SECONDS), while a daemon is killed or
// stopped every twenty seconds: what may safely be asked twice never fails for who asks
// again, and no daemon keeps more than it had.
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/daemon_figures.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int kClients = 20;
constexpr auto kBetweenRestarts = 20s;
// As long as who asks again has patience.
constexpr auto kPatience = 30s;

std::chrono::seconds Duration() {
  const char* seconds = std::getenv("BANGER_SOAK_SECONDS");
  return std::chrono::seconds(seconds != nullptr ? std::atoi(seconds) : 1800);
}

// What the clients have seen.
struct Tally {
  std::atomic<int> asked = 0;        // what may be asked twice
  std::atomic<int> asked_again = 0;  // of these, more than once
  std::atomic<int> done = 0;         // what may not
  std::atomic<int> cut_short = 0;    // of these, ended by a restart
  std::mutex mutex;
  std::map<std::string, int> failures;  // by what it was, and why

  void Fail(const std::string& what, const absl::Status& status) {
    const std::lock_guard lock(mutex);
    ++failures[absl::StrCat(what, ": ", status.ToString())];
  }
};

class Client {
 public:
  Client(const Instance& instance, int number, Tally& tally)
      : channel_(rpc::ConnectDaemon(instance.root() / "run" / "gateway.sock")),
        vms_(vm::v1::VmService::NewStub(channel_)),
        images_(image::v1::ImageService::NewStub(channel_)),
        name_(absl::StrCat("soak-", number)),
        tally_(tally) {}

  // One thing after the other, beginning with another one than its neighbours.
  void Run(const std::stop_token& stop, int number) {
    const std::array<void (Client::*)(), 6> works = {&Client::Get, &Client::List,   &Client::Execute,
                                                     &Client::Log, &Client::Images, &Client::Make};
    for (auto next = static_cast<std::size_t>(number); !stop.stop_requested(); ++next)
      (this->*works[next % works.size()])();
  }

 private:
  // Until it is done, as gRPC says that clients may.
  template <typename Attempt>
  void Ask(const std::string& what, Attempt attempt) {
    absl::Status status;
    int tries = 0;
    const bool answered = Eventually(
        [&] {
          rpc::ClientCall call("", kPatience);
          status = rpc::FromGrpc(attempt(call.context()));
          ++tries;
          return !absl::IsUnavailable(status) && !absl::IsResourceExhausted(status);
        },
        kPatience);
    if (tries > 1) ++tally_.asked_again;
    if (!answered || !status.ok()) tally_.Fail(what, status);
    ++tally_.asked;
  }

  void Get() {
    Ask("GetVm", [this](grpc::ClientContext* context) {
      vm::v1::GetVmRequest request;
      request.set_name("vms/box");
      vm::v1::GetVmResponse response;
      return vms_->GetVm(context, request, &response);
    });
  }
  void List() {
    Ask("ListVms", [this](grpc::ClientContext* context) {
      vm::v1::ListVmsResponse response;
      return vms_->ListVms(context, {}, &response);
    });
  }
  void Images() {
    Ask("ListImages", [this](grpc::ClientContext* context) {
      image::v1::ListImagesResponse response;
      return images_->ListImages(context, {}, &response);
    });
  }
  void Log() {
    Ask("ReadVmLog", [this](grpc::ClientContext* context) {
      vm::v1::ReadVmLogRequest request;
      request.set_name("vms/box");
      const auto stream = vms_->ReadVmLog(context, request);
      for (vm::v1::ReadVmLogResponse response; stream->Read(&response);) {
      }
      return stream->Finish();
    });
  }
  // Commands and creates are cut short by who serves them being restarted.
  void Once(const std::string& what, const grpc::Status& ended) {
    const absl::Status status = rpc::FromGrpc(ended);
    ++tally_.done;
    if (status.ok()) return;
    ++tally_.cut_short;
    const bool restarted = absl::IsUnavailable(status) || absl::IsCancelled(status) ||
                           absl::IsResourceExhausted(status) || absl::IsAlreadyExists(status);
    if (!restarted) tally_.Fail(what, status);
  }
  void Execute() {
    rpc::ClientCall call("", kPatience);
    const auto stream = vms_->ExecVm(call.context());
    vm::v1::ExecVmRequest request;
    request.set_name("vms/box");
    request.mutable_input()->mutable_command()->add_argv("true");
    stream->Write(request);
    for (vm::v1::ExecVmResponse response; stream->Read(&response);) {
    }
    Once("ExecVm", stream->Finish());
  }
  void Make() {
    {
      rpc::ClientCall call("", kPatience);
      vm::v1::CreateVmRequest request;
      request.set_vm_id(name_);
      request.set_image("images/mini");
      request.set_no_start(true);
      const auto stream = vms_->CreateVm(call.context(), request);
      for (vm::v1::CreateVmResponse response; stream->Read(&response);) {
      }
      Once("CreateVm", stream->Finish());
    }
    Ask("DeleteVm", [this](grpc::ClientContext* context) {
      vm::v1::DeleteVmRequest request;
      request.set_name("vms/" + name_);
      request.set_force(true);
      vm::v1::DeleteVmResponse response;
      const grpc::Status status = vms_->DeleteVm(context, request, &response);
      return status.error_code() == grpc::StatusCode::NOT_FOUND ? grpc::Status::OK : status;
    });
  }

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<vm::v1::VmService::Stub> vms_;
  const std::unique_ptr<image::v1::ImageService::Stub> images_;
  const std::string name_;
  Tally& tally_;
};

class SoakTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() { StartInstance({.config = "[vm_defaults]\nvcpu = 1\nmemory_mib = 128\n"}); }

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

  // Until the clients have gone on so far, and not before `when`.
  static void WaitForWork(const Tally& tally, int calls, steady_clock::time_point when) {
    EXPECT_TRUE(Eventually([&] { return steady_clock::now() >= when && tally.asked + tally.done >= calls; },
                           kBetweenRestarts + 2 * kPatience))
        << "the clients do not get on: " << tally.asked << " and " << tally.done << " of " << calls;
  }

  // In turns, by crash and by stop, each when all clients got on after the one before. The
  // gateway only in the first half: what it keeps is seen in the second.
  static void RestartDaemons(const Tally& tally, std::chrono::seconds duration) {
    const auto begin = steady_clock::now();
    const std::vector<std::string> daemons = instance_->daemons();
    for (std::size_t i = 0; steady_clock::now() - begin < duration && !HasFailure(); ++i) {
      WaitForWork(tally, tally.asked + tally.done + kClients, steady_clock::now() + kBetweenRestarts);
      const std::string& daemon = daemons[i % daemons.size()];
      if (daemon == "gateway" && steady_clock::now() - begin > duration / 2) continue;
      if (i % 2 == 0) {
        instance_->CrashDaemon(daemon);
      } else {
        EXPECT_OK(instance_->StopDaemon(daemon));
      }
      ASSERT_OK(instance_->StartDaemon(daemon));
    }
  }
};

TEST_F(SoakTest, TwentyClientsForHalfAnHour) {
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "mini"}));
  Tally tally;
  const auto work = [&](const std::function<void()>& meanwhile) {
    std::vector<std::jthread> clients;
    for (int i = 0; i < kClients; ++i)
      clients.emplace_back(
          [&tally, i](const std::stop_token& stop) { Client(*instance_, i, tally).Run(stop, i); });
    meanwhile();
  };
  // Warm: what is made once is there.
  work([&] { WaitForWork(tally, 50 * kClients, steady_clock::now()); });
  const HostSnapshot host = instance_->Snapshot();
  const auto before = Figures("before");
  work([&] { RestartDaemons(tally, Duration()); });

  std::printf("# %d asked, %d of them again; %d done, %d of them cut short\n", tally.asked.load(),
              tally.asked_again.load(), tally.done.load(), tally.cut_short.load());
  for (const auto& [what, count] : tally.failures) ADD_FAILURE() << count << " times " << what;
  EXPECT_GT(tally.asked, 0);
  EXPECT_GT(tally.done, tally.cut_short);
  EXPECT_TRUE(Eventually([&] { return instance_->Snapshot() == host; }))
      << Changes(host, instance_->Snapshot());
  EXPECT_EQ(Exec("box", "echo alive"), "alive\n");
  const auto after = Figures("after");
  for (const auto& [daemon, was] : before) {
    ASSERT_TRUE(after.contains(daemon)) << daemon << " does not answer";
    const DaemonFigures& is = after.at(daemon);
    EXPECT_TRUE(Eventually([&, &name = daemon] {
      const absl::StatusOr<DaemonFigures> now = FiguresOf(*instance_, name);
      return now.ok() && now->descriptors <= was.descriptors + 4;
    })) << daemon
        << " keeps " << is.descriptors << " descriptors of " << was.descriptors;
    // Half as much again is what an allocator keeps after a peak.
    EXPECT_LE(is.private_mib, was.private_mib * 1.5 + 8) << daemon;
  }
  Succeeds({"vm", "delete", "--force", "box"});
}

}  // namespace
}  // namespace banger::e2e
