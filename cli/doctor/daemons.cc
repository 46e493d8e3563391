#include "cli/doctor/daemons.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/names.h"
#include "cli/output/text.h"

namespace banger::cli {
namespace {

Finding JudgeDaemon(const system::v1::Daemon& daemon, const BuildInfo& build) {
  const std::string id = OneLine(IdOf(daemon.name()));
  const std::string check = absl::StrCat("daemon ", id);
  if (!daemon.error().empty()) {
    const std::string detail = absl::StrCat("does not answer: ", OneLine(daemon.error()));
    const std::string repair =
        absl::StrCat("sudo systemctl restart banger-", id, "; journalctl -u banger-", id);
    // Without it there are user-mode networks.
    return id == "netd" ? Warning(check, detail, repair) : Failure(check, detail, repair);
  }
  if (daemon.version() != build.version || daemon.commit() != build.commit)
    return Warning(check,
                   absl::StrCat("is version ", daemon.version(), " (", daemon.commit(), "), this program ",
                                build.version, " (", build.commit, ")"),
                   "sudo banger system restart");
  return Pass(check, absl::StrCat("answers, version ", daemon.version()));
}

template <typename Resources>
std::string Names(const Resources& resources) {
  std::vector<std::string> names;
  for (const auto& resource : resources) names.push_back(OneLine(IdOf(resource.name())));
  return absl::StrJoin(names, ", ");
}

}  // namespace

Findings JudgeDaemons(const system::v1::ListDaemonsResponse& daemons, const BuildInfo& build) {
  Findings findings;
  for (const system::v1::Daemon& daemon : daemons.daemons()) findings.push_back(JudgeDaemon(daemon, build));
  return findings;
}

Finding JudgeKernels(const kernel::v1::ListKernelsResponse& kernels) {
  if (kernels.kernels().empty())
    return Failure("kernel", "there is none, and no VM boots without", "banger kernel pull debian-6.1");
  return Pass("kernel", Names(kernels.kernels()));
}

Finding JudgeImages(const image::v1::ListImagesResponse& images, const std::string& default_image) {
  for (const image::v1::Image& image : images.images())
    if (IdOf(image.name()) == default_image)
      return Pass("image", absl::StrCat("the default, ", default_image, ", is here"));
  return Warning(
      "image",
      absl::StrCat("the default, ", default_image, ", is not here; 'banger vm run' fetches it first"),
      absl::StrCat("banger image pull ", default_image));
}

Findings JudgeVms(const vm::v1::ListVmsResponse& vms, bool kvm_works) {
  Findings findings;
  std::vector<std::string> emulated;
  std::size_t running = 0;
  for (const vm::v1::Vm& vm : vms.vms()) {
    const std::string name = OneLine(IdOf(vm.name()));
    if (vm.state() == vm::v1::Vm::STATE_ERROR)
      findings.push_back(Warning(absl::StrCat("vm ", name),
                                 absl::StrCat("failed: ", OneLine(vm.state_detail())),
                                 absl::StrCat("banger vm logs ", name)));
    if (vm.state() != vm::v1::Vm::STATE_RUNNING) continue;
    ++running;
    if (!vm.state_detail().empty())
      findings.push_back(Warning(absl::StrCat("vm ", name), OneLine(vm.state_detail()),
                                 absl::StrCat("banger vm restart ", name)));
    if (absl::EndsWith(vm.vmm(), "-tcg")) emulated.push_back(name);
  }
  if (kvm_works && !emulated.empty())
    findings.push_back(
        Warning("vms",
                absl::StrCat("emulated although KVM runs a vCPU: ", absl::StrJoin(emulated, ", "),
                             "; it does not run their kernels, or vmm says so"),
                "banger kernel pull another one; see 'vmm' in /etc/banger/config.toml"));
  else
    findings.push_back(Pass("vms", absl::StrCat(running, " of ", vms.vms_size(), " run")));
  return findings;
}

}  // namespace banger::cli
