// banger-netd as a process of its own, in a network of its own.
#pragma once

#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/netd_client.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {

class DaemonFixture : public ::testing::Test {
 protected:
  static constexpr uid_t kClient = 4242;

  void SetUp() override {
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    ::signal(SIGPIPE, SIG_IGN);  // refused connections are closed
    ASSERT_OK_AND_ASSIGN(root_, TempDir::Create());
    ASSERT_EQ(::chmod(root_.path().c_str(), 0755), 0);
    ASSERT_NO_FATAL_FAILURE(PrepareHost());
    ASSERT_OK(WriteFileAtomically(root_.path() / "config.toml", Config(), 0644));
    before_ = HostNetwork();
    Start();
  }

  // What the host has before netd starts.
  virtual void PrepareHost() {}
  // netd's configuration file.
  virtual std::string Config() { return ""; }
  // Flags of netd besides --client-uid.
  virtual std::vector<std::string> Flags() const { return {}; }

  void Start() {
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
    const std::filesystem::path netd = self.parent_path().parent_path() / "bin" / "banger-netd";
    std::vector<std::string> argv = {netd.string(), "--client-uid", absl::StrCat(kClient)};
    for (const std::string& flag : Flags()) argv.push_back(flag);
    auto daemon = Subprocess::Start(
        {.argv = std::move(argv),
         .env = std::vector<std::string>{absl::StrCat("BANGER_ROOT=", root_.path().string())}});
    ASSERT_OK(daemon);
    daemon_.emplace(*std::move(daemon));
    ASSERT_OK(
        rpc::WaitForDaemon(*rpc::ConnectDaemon(directory() / "netd.sock"), "netd", std::chrono::seconds(20)));
  }

  ExitStatus End(int signal) {
    EXPECT_OK(daemon_->Signal(signal));
    const absl::StatusOr<ExitStatus> status = daemon_->Wait();
    EXPECT_OK(status);
    return status.ok() ? *status : ExitStatus{.code = -1};
  }

  std::filesystem::path directory() const { return root_.path() / "netd"; }
  NetdClient Client(uid_t uid = kClient) const { return NetdClient(directory(), uid); }

  TempDir root_;
  std::string before_;
  std::optional<Subprocess> daemon_;
};

}  // namespace banger::netd
