#include "tests/install/machine.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "common/testing/eventually.h"

namespace banger {
namespace fs = std::filesystem;
namespace {

constexpr char kBoot[] = BANGER_SOURCE_DIR "/tests/install/boot_machine";

}  // namespace

absl::StatusOr<Machine> Machine::Boot(const fs::path& root) { return Start({.argv = {kBoot, root}}); }

absl::StatusOr<Machine> Machine::BootOverHost(const fs::path& directory) {
  return Start({.argv = {kBoot, "--over-host", directory}});
}

absl::StatusOr<Machine> Machine::Start(const Subprocess::Options& boot) {
  BANGER_ASSIGN_OR_RETURN(Subprocess booted, Subprocess::Start(boot));
  Machine machine(std::move(booted));
  const bool is_up = Eventually(
      [&machine] {
        const std::string state = machine.Shell("systemctl is-system-running --wait");
        return state == "running\n" || absl::StartsWith(state, "degraded\n");
      },
      std::chrono::seconds(60));
  if (is_up) return machine;
  return absl::DeadlineExceededError(
      absl::StrCat("systemd does not come up: ", machine.Shell("systemctl list-jobs; systemctl --failed")));
}

std::string Machine::Init() const {
  const std::string unshare = absl::StrCat(booted_.pid());
  const std::string init =
      ReadFile(absl::StrCat("/proc/", unshare, "/task/", unshare, "/children")).value_or("");
  return init.substr(0, init.find(' '));
}

std::string Machine::Shell(const std::string& command) const {
  const auto result = RunCommand({.argv = {"nsenter", "--all", "--target", Init(), "sh", "-c", command}});
  if (!result.ok()) return std::string(result.status().message());
  return absl::StrCat(result->out, result->err,
                      result->status.success() ? "" : absl::StrCat(result->status.ToString(), "\n"));
}

fs::path Machine::root() const { return fs::path("/proc") / Init() / "root"; }

}  // namespace banger
