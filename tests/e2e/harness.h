// One banger of its own for a test program: daemons from the build tree under a
// fresh BANGER_ROOT. As root the harness moves into its own network namespace,
// runs netd, and runs every other daemon under an unprivileged uid; as anybody
// else there is no netd. With BANGER_E2E_KEEP set the root stays, logs and all. With
// BANGER_E2E_VMM=firecracker VMs run under the double of Firecracker
// (services/vmd/testing/firecracker), else under what vmd chooses by itself.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "tests/e2e/host_snapshot.h"

namespace banger::e2e {

// Of all daemons but netd, when the test runs as root. No user of this number exists
// anywhere: they must do without a passwd entry and a home.
constexpr uid_t kDaemonUid = 61357;

struct InstanceOptions {
  bool netd = true;
  // As root: a network namespace of its own. Without: the host's, and no netd.
  bool own_network = true;
  // Added to the configuration file.
  std::string config;
  // "KEY=value" for a daemon, besides what all have.
  std::map<std::string, std::vector<std::string>> environment;
};

class Instance {
 public:
  static absl::StatusOr<Instance> Start(const InstanceOptions& options = {});
  Instance(Instance&&) = default;
  Instance& operator=(Instance&&) = delete;
  // Kills whatever VMM is left and stops the daemons.
  ~Instance();

  // banger ARGS..., with stdin `input`; what it printed and its exit code.
  CommandResult Banger(std::vector<std::string> arguments, const std::string& input = {}) const;
  // The same, started only; for a command that the test interrupts.
  absl::StatusOr<Subprocess> StartBanger(std::vector<std::string> arguments, int stdout_fd = -1) const;

  absl::Status StartDaemon(const std::string& name);
  // "firecracker", or empty.
  static std::string Vmm();
  // SIGKILL: as a crash.
  void CrashDaemon(const std::string& name);
  // SIGTERM, and its exit code.
  absl::StatusOr<ExitStatus> StopDaemon(const std::string& name);
  // In the order in which they start.
  const std::vector<std::string>& daemons() const { return daemons_; }

  // The kernel of the test assets, imported as "debian-6.1".
  absl::Status ImportKernel() const;
  // Imports a tar of the test assets: "minbase" or "systemd", with that kernel.
  absl::Status ImportImage(const std::string& name) const;

  // Runs a first VM, for what is made once and stays: agent disk, the answer of
  // the KVM probe. Needs a kernel.
  absl::Status WarmUp() const;

  const std::filesystem::path& root() const { return dir_.path(); }
  std::filesystem::path Log(const std::string& daemon) const { return root() / "logs" / daemon; }

  // What this instance has on the host: VMM processes, links, files.
  HostSnapshot Snapshot() const;

 private:
  explicit Instance(TempDir dir) : dir_(std::move(dir)) {}
  std::vector<std::string> DaemonCommand(const std::string& name) const;
  std::vector<std::string> Environment(const std::string& daemon = {}) const;
  void KillVmms() const;
  absl::Status StartFakeKvm();
  absl::Status WriteConfig(const std::string& config) const;

  TempDir dir_;
  std::vector<std::string> daemons_;
  std::map<std::string, std::vector<std::string>> environment_;
  std::map<std::string, Subprocess> processes_;
};

// Where the test assets are (BANGER_TEST_ASSETS, else build/test-assets).
std::filesystem::path Assets();

// The image for tests that are the same with any: BANGER_E2E_IMAGE, "minbase" or
// "systemd", else `usual`.
std::string TestedImage(const std::string& usual = "mini");

// A program of the build under test.
std::string BuildProgram(const std::string& name);

// A guest under emulation takes its time.
inline bool Eventually(const std::function<bool()>& condition,
                       std::chrono::seconds timeout = std::chrono::seconds(60)) {
  return banger::Eventually(condition, timeout);
}

}  // namespace banger::e2e
