// Our kernel against the distribution's: `vm create` until it returns (the agent
// has answered), each on a banger of its own, in turns.
//
//   boot_bench GENERIC_DIR [ROUNDS]      prints RESULT lines for mini and for Debian
#include <cstdio>
#include <cstdlib>

#include "common/status/status_macros.h"
#include "tests/bench/vm_timing.h"

namespace banger::e2e {
namespace {

absl::StatusOr<Instance> StartWith(const std::string& kernel, const std::string& from) {
  BANGER_ASSIGN_OR_RETURN(
      Instance instance,
      Instance::Start({.netd = false, .config = "[vm_defaults]\nvcpu = 1\nmemory_mib = 512\n"}));
  BANGER_RETURN_IF_ERROR(Run(instance, {"kernel", "import", kernel, "--from", from}).status());
  for (const std::string image : {"minbase", "systemd"}) {
    BANGER_RETURN_IF_ERROR(Run(instance, {"image", "import", image, "--from", Assets() / (image + ".tar"),
                                          "--kernel-ref", kernel})
                               .status());
  }
  return instance;
}

absl::Status Bench(const std::string& generic, int rounds) {
  BANGER_ASSIGN_OR_RETURN(const Instance ours, StartWith("generic-6.12", generic));
  BANGER_ASSIGN_OR_RETURN(const Instance debian, StartWith("debian-6.1", Assets() / "kernel.deb"));
  for (const std::string image : {"mini", "minbase", "systemd"}) {
    for (const Instance* warm : {&ours, &debian}) BANGER_RETURN_IF_ERROR(TimeCreate(*warm, image).status());
    Pairs pairs;
    for (int i = 0; i < rounds; ++i) {
      BANGER_ASSIGN_OR_RETURN(const double with_ours, TimeCreate(ours, image));
      BANGER_ASSIGN_OR_RETURN(const double with_debian, TimeCreate(debian, image));
      pairs.Add(with_ours, with_debian);
    }
    pairs.Print("boot_" + image);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace banger::e2e

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const absl::Status status = banger::e2e::Bench(argv[1], argc > 2 ? std::atoi(argv[2]) : 11);
  if (!status.ok()) std::fprintf(stderr, "boot_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
