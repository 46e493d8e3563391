// How much banger adds to a boot: `banger vm create` until it returns (the agent
// has answered), against the bare VMM with the same kernel, command line and
// equally fresh disks until its agent answers. In turns, so that both see the
// same machine.
//
//   create_bench [ROUNDS]      prints RESULT lines for mini and for Debian
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "tests/bench/bare_vmm.h"
#include "tests/bench/vm_timing.h"

namespace banger::e2e {
namespace {

absl::Status Compare(const Instance& instance, const std::string& image, int rounds) {
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "create", "--name", "model", "--image", image}).status());
  BANGER_ASSIGN_OR_RETURN(const BareVmm bare, BareVmm::Like(instance, "model"));
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "stop", "model"}).status());

  Pairs pairs;
  for (int i = 0; i < rounds; ++i) {
    BANGER_ASSIGN_OR_RETURN(const double created, TimeCreate(instance, image));
    BANGER_ASSIGN_OR_RETURN(const BareVmm::Running running, bare.Boot());
    const double booted = running.boot_seconds;
    pairs.Add(created, booted);
  }
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "delete", "--force", "model"}).status());
  pairs.Print(absl::StrCat("create_", image));
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
  if (!status.ok()) std::fprintf(stderr, "create_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
