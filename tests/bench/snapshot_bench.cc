// What a restore and a clone take, `banger vm restore` and `banger vm clone` until they
// return (the agent has answered), against a cold boot of the same VM. In turns, so
// that all see the same machine.
//
//   snapshot_bench [ROUNDS]      prints RESULT lines for mini and for Debian
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "tests/bench/vm_timing.h"

namespace banger::e2e {
namespace {

// Asked again and again: early on there is no bus to wait on.
constexpr char kSettle[] =
    "! command -v systemctl || until systemctl is-system-running 2>&1 | grep -q 'running\\|degraded'; do "
    "sleep 0.2; done";

absl::StatusOr<double> Time(const Instance& instance, const std::vector<std::string>& command) {
  const Clock::time_point start = Clock::now();
  BANGER_RETURN_IF_ERROR(Run(instance, command).status());
  return Seconds(Clock::now() - start);
}

absl::Status Compare(const Instance& instance, const std::string& image, int rounds) {
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "create", "--name", "model", "--image", image}).status());
  // What goes on from a boot that is not over is busy, and measures that.
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "exec", "model", "--", "sh", "-c", kSettle}).status());
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "snapshot", "create", "model", "base"}).status());
  Pairs restores;
  Pairs clones;
  Pairs snapshots;
  for (int i = 0; i < rounds; ++i) {
    BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "stop", "model"}).status());
    BANGER_ASSIGN_OR_RETURN(const double booted, Time(instance, {"vm", "start", "model"}));
    BANGER_ASSIGN_OR_RETURN(const double restored, Time(instance, {"vm", "restore", "model", "base"}));
    BANGER_ASSIGN_OR_RETURN(const double saved,
                            Time(instance, {"vm", "snapshot", "create", "model", "again"}));
    BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "snapshot", "delete", "model", "again"}).status());
    BANGER_ASSIGN_OR_RETURN(const double cloned, Time(instance, {"vm", "clone", "model", "twin"}));
    BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "delete", "--force", "twin"}).status());
    restores.Add(restored, booted);
    clones.Add(cloned, booted);
    snapshots.Add(saved, booted);
  }
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "delete", "--force", "model"}).status());
  restores.Print(absl::StrCat("restore_", image));
  clones.Print(absl::StrCat("clone_", image));
  snapshots.Print(absl::StrCat("snapshot_", image));
  return absl::OkStatus();
}

absl::Status Bench(int rounds) {
  BANGER_ASSIGN_OR_RETURN(
      const Instance instance,
      Instance::Start({.netd = false, .config = "[vm_defaults]\nvcpu = 1\nmemory_mib = 512\n"}));
  BANGER_RETURN_IF_ERROR(instance.ImportKernel());
  for (const char* image : {"minbase", "systemd"}) BANGER_RETURN_IF_ERROR(instance.ImportImage(image));
  for (const char* image : {"mini", "minbase", "systemd"})
    BANGER_RETURN_IF_ERROR(Compare(instance, image, rounds));
  return absl::OkStatus();
}

}  // namespace
}  // namespace banger::e2e

int main(int argc, char** argv) {
  const absl::Status status = banger::e2e::Bench(argc > 1 ? std::atoi(argv[1]) : 11);
  if (!status.ok()) std::fprintf(stderr, "snapshot_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
