// What does not need a machine: versions, the API's failures, which VMM is chosen.
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/os/unix_socket.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/vmd/adapters/firecracker_api.h"
#include "services/vmd/adapters/firecracker_version.h"
#include "services/vmd/adapters/halt_watch.h"
#include "services/vmd/adapters/kvm_probe.h"
#include "services/vmd/adapters/vmm_choice.h"
#include "services/vmd/testing/firecracker/unix_http_server.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class FirecrackerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create("/tmp")); }

  // A program that only knows its version.
  std::string Program(const std::string& version) { return Script("echo '" + version + "'"); }
  std::string Script(const std::string& lines, const std::string& name = "firecracker") {
    const auto path = dir_.path() / name;
    EXPECT_OK(WriteFileAtomically(path, "#!/bin/sh\n" + lines + "\n", 0755));
    return path;
  }
  TempDir dir_;
};

TEST_F(FirecrackerTest, VersionsWithPublishedVulnerabilitiesAreRefusedByName) {
  for (const char* version : {"v1.14.3", "v1.13.9", "v0.25.0", "v1.15.0"})
    EXPECT_THAT(
        FirecrackerProgram(Program(std::string("Firecracker ") + version)).Find({}),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 AllOf(HasSubstr(version + 1), HasSubstr("install 1.14.4 or newer, but not 1.15.0"))));
  for (const char* version : {"v1.14.4", "v1.15.1", "v1.17.0-dev", "v2.0.0"})
    EXPECT_OK(FirecrackerProgram(Program(std::string("Firecracker ") + version)).Find({})) << version;
}

TEST_F(FirecrackerTest, AnotherProgramAndNoneAreNamed) {
  EXPECT_THAT(FirecrackerProgram(Program("QEMU emulator version 7.2")).Find({}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("that is no Firecracker")));
  const absl::Status missing = FirecrackerProgram((dir_.path() / "none").string()).Find({}).status();
  EXPECT_EQ(ErrorReason(missing), "VMM_NOT_FOUND");
  EXPECT_THAT(missing,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("install Firecracker 1.14.4")));
}

TEST_F(FirecrackerTest, AnUpgradeIsNoticed) {
  FirecrackerProgram program(Program("Firecracker v1.14.3"));
  EXPECT_EQ(ErrorReason(program.Find({}).status()), "VMM_VERSION_REFUSED");
  Program("Firecracker v1.14.4");
  EXPECT_OK(program.Find({}));
}

TEST_F(FirecrackerTest, OneThatHangsIsNotWaitedForByWhoHasLeft) {
  std::stop_source caller;
  FirecrackerProgram program(Script("kill -USR1 " + absl::StrCat(::getpid()) + "; exec sleep 1000"));
  static std::atomic<bool> asked;
  asked = false;
  ::signal(SIGUSR1, [](int) { asked = true; });
  std::jthread leaves([&] {
    Eventually([] { return asked.load(); });
    caller.request_stop();
  });
  EXPECT_THAT(program.Find(caller.get_token()), StatusIs(absl::StatusCode::kCancelled));
  ::signal(SIGUSR1, SIG_DFL);
}

// Ends a server when it hangs up.
struct SocketEnd {
  SocketEnd() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ours.Reset(fds[0]);
    theirs.Reset(fds[1]);
  }
  void Hangup() { theirs.Reset(); }
  UniqueFd ours, theirs;
};

class ApiTest : public FirecrackerTest {
 protected:
  std::filesystem::path Socket() const { return dir_.path() / "api"; }
  absl::Status Send(std::chrono::milliseconds timeout = 10s, const std::stop_token& stop = {}) {
    return FirecrackerApi(Socket()).Send({"PUT", "/entropy", nlohmann::json::object()}, timeout, stop);
  }
};

TEST_F(ApiTest, ARefusalHasFirecrackersWords) {
  auto server = UnixHttpServer::Listen(Socket(), [](const HttpRequest& request) {
    EXPECT_EQ(request.method + request.path + request.body, "PUT/entropy{}");
    return HttpAnswer{400, "{\"fault_message\":\"no entropy left\"}"};
  });
  ASSERT_OK(server);
  SocketEnd end;
  std::thread serves([&] { server->Serve([&] { return end.ours.get(); }); });
  EXPECT_THAT(Send(), StatusIs(absl::StatusCode::kInternal, HasSubstr("PUT /entropy: no entropy left")));
  end.Hangup();
  serves.join();
}

TEST_F(ApiTest, OneThatIsGoneSilentOrTalksWithoutEndIsAnError) {
  EXPECT_THAT(Send(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("PUT /entropy")));
  ASSERT_OK_AND_ASSIGN(const UniqueFd listener, ListenUnix(Socket(), 0600));  // and nobody accepts
  EXPECT_THAT(Send(50ms), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("50 ms")));
  std::stop_source source;
  source.request_stop();
  EXPECT_THAT(Send(1h, source.get_token()), StatusIs(absl::StatusCode::kCancelled));
  // Those before are still in the queue.
  std::thread floods([&] {
    const std::string answer =
        "HTTP/1.1 200 \r\nContent-Length: 100000000\r\n\r\n" + std::string(1 << 20, 'x');
    for (;;) {
      const UniqueFd client(::accept(listener.get(), nullptr, nullptr));
      if (!client.valid()) return;
      ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  });
  EXPECT_THAT(Send(), StatusIs(absl::StatusCode::kInternal, HasSubstr("too long")));
  ::shutdown(listener.get(), SHUT_RDWR);
  floods.join();
}

class ChoiceTest : public FirecrackerTest {
 protected:
  // Its trials are not confined, as scripts need more than Firecracker does.
  std::string Chosen(const std::string& vmm, const Machine& machine, const std::string& firecracker) {
    const std::string open = Script("while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"", "open");
    VmmChoice choice(dir_.path(),
                     {.qemu_bin = "qemu-system-x86_64", .vmm = vmm, .launcher = open, .open_tap = {}},
                     {.firecracker_bin = firecracker, .launcher = open, .tap_of = {}});
    const auto driver = choice.Choose(machine, {});
    return driver.ok() ? (*driver)->name() : std::string(driver.status().message());
  }
};

TEST_F(ChoiceTest, AutoTakesFirecrackerOnlyWhereKvmRunsTheKernel) {
  const std::string version = "echo Firecracker v1.14.4; cat > /dev/null; ";
  const std::string hangs = Script(version + "echo no kernel");
  EXPECT_EQ(Chosen("auto", {.network_mode = NetworkMode::kBridge}, hangs), "QEMU");
  if (!CanOpenKvm()) GTEST_SKIP() << "KVM cannot be opened";
  const std::string boots = Script(version + "echo Linux version 6.1; echo Kernel panic");
  EXPECT_EQ(Chosen("auto", {.network_mode = NetworkMode::kBridge}, boots), "Firecracker");
  EXPECT_EQ(Chosen("auto", {.network_mode = NetworkMode::kUser}, boots), "QEMU");
}

TEST_F(ChoiceTest, WhatIsDemandedIsTaken) {
  const std::string none = (dir_.path() / "none").string();
  EXPECT_EQ(Chosen("firecracker", {}, none), "Firecracker");
  EXPECT_EQ(Chosen("qemu-tcg", {}, none), "QEMU");
  EXPECT_OK(CheckVmm("firecracker"));
  EXPECT_THAT(CheckVmm("bochs"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bochs")));
}

TEST_F(ChoiceTest, RunningVmsAreKnownByTheirRecords) {
  VmmChoice choice(dir_.path(), {.vmm = "qemu"}, {});
  EXPECT_EQ(choice.Find("qemu-tcg")->name(), "QEMU");
  EXPECT_EQ(choice.Find("firecracker")->name(), "Firecracker");
  EXPECT_EQ(choice.Find("bochs"), nullptr);
}

TEST_F(ChoiceTest, FirecrackerSaysWhatItCannotDo) {
  VmmChoice choice(dir_.path(), {.vmm = "firecracker"}, {.firecracker_bin = Program("Firecracker v1.14.4")});
  ASSERT_OK_AND_ASSIGN(VmmDriver* const driver, choice.Choose({}, {}));
  EXPECT_THAT(driver->Spawn({.network_mode = NetworkMode::kUser}, {}, {}).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("start banger-netd")));
  EXPECT_THAT(driver->Spawn({.sizes = {.vcpu = 33}, .network_mode = NetworkMode::kBridge}, {}, {}).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("at most 32")));
}

class HaltTest : public FirecrackerTest {
 protected:
  std::filesystem::path Console() const { return dir_.path() / "console.log"; }
  void Say(const std::string& text) { std::ofstream(Console(), std::ios::app) << text << std::flush; }
};

TEST_F(HaltTest, OnlyTheKernelsLastLineOfThisRunCounts) {
  Say("[ 1.0] reboot: Power down\r\n");
  const std::int64_t begin = static_cast<std::int64_t>(std::filesystem::file_size(Console()));
  EXPECT_EQ(ReadLastWord(Console(), begin), LastWord::kNone);
  Say("login:\r\n");
  EXPECT_EQ(ReadLastWord(Console(), begin), LastWord::kNone);
  for (const char* words :
       {"Power down", "System halted", "Power off not available: System halted instead"}) {
    Say(std::string("[ 9.5] reboot: ") + words + "\r\n\r\n");
    EXPECT_EQ(ReadLastWord(Console(), begin), LastWord::kHalted) << words;
    Say("more\r\n");
    EXPECT_EQ(ReadLastWord(Console(), begin), LastWord::kNone);
  }
  Say("[ 9.9] reboot: Restarting system\r\n");
  EXPECT_EQ(ReadLastWord(Console(), begin), LastWord::kRestarting);
}

TEST_F(HaltTest, AHaltIsNoticedWhenItComesAndWhenItHasCome) {
  Say("booting\n");
  std::atomic<int> halts = 0;
  ASSERT_OK_AND_ASSIGN(const auto watch, HaltWatch::Start(Console(), 0, [&] { ++halts; }));
  Say("still here\n");
  EXPECT_EQ(halts, 0);
  Say("[ 9.5] reboot: System halted\r\n");
  EXPECT_TRUE(Eventually([&] { return halts == 1; }));
  ASSERT_OK_AND_ASSIGN(const auto late, HaltWatch::Start(Console(), 0, [&] { ++halts; }));
  EXPECT_TRUE(Eventually([&] { return halts == 2; }));
}

}  // namespace
}  // namespace banger::vmd
