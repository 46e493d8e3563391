#include "cli/doctor/kvm.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/output/text.h"
#include "common/os/subprocess.h"
#include "common/sync/deadline_stop.h"

namespace banger::cli {
namespace {

constexpr std::chrono::seconds kPatience{5};

bool HasFlag(absl::string_view cpuinfo, const std::string& flag) {
  return std::regex_search(std::string(cpuinfo), std::regex(absl::StrCat("\nflags[^\n]*\\b", flag, "\\b")));
}

// modprobe fails for the other vendor's module.
std::string LoadKvm(absl::string_view cpuinfo) {
  if (HasFlag(cpuinfo, "vmx")) return "sudo modprobe kvm_intel";
  if (HasFlag(cpuinfo, "svm")) return "sudo modprobe kvm_amd";
  return "switch on VT-x or AMD-V in the firmware; in a VM, nested virtualisation at its host";
}

// Some VMMs cannot do without.
Finding Without(const std::string& why, const std::string& vmm, const std::string& repair) {
  if (vmm == "firecracker" || vmm == "qemu-kvm")
    return Failure("kvm", absl::StrCat(why, "; vmm = \"", vmm, "\" needs it"), repair);
  return Warning("kvm", absl::StrCat(why, "; VMs are emulated, which is slow"), repair);
}

bool MayOpen(const passwd& user, const struct stat& device) {
  if (user.pw_uid == 0) return true;
  if (user.pw_uid == device.st_uid) return (device.st_mode & 0600) == 0600;
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  if (::getgrouplist(user.pw_name, user.pw_gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
    ::getgrouplist(user.pw_name, user.pw_gid, groups.data(), &count);
  }
  groups.resize(static_cast<std::size_t>(count));
  const bool is_member = std::find(groups.begin(), groups.end(), device.st_gid) != groups.end();
  return (device.st_mode & (is_member ? 0060 : 0006)) == (is_member ? 0060 : 0006);
}

}  // namespace

Finding CheckCpu(absl::string_view cpuinfo, bool kvm_works) {
  for (const char* flag : {"vmx", "svm"})
    if (HasFlag(cpuinfo, flag)) return Pass("cpu", absl::StrCat("virtualises in hardware (", flag, ")"));
  if (kvm_works) return Pass("cpu", "shows neither vmx nor svm, yet KVM runs");
  return Warning("cpu", "does not virtualise in hardware, or its firmware forbids it: VMs are emulated",
                 LoadKvm(cpuinfo));
}

Finding CheckKvm(const std::vector<std::string>& probe, const std::string& vmm, absl::string_view cpuinfo,
                 const std::stop_token& stop) {
  const DeadlineStop deadline(kPatience, stop);
  const auto result = RunCommand({.argv = probe}, {}, deadline.token());
  if (result.ok() && result->status.success()) return Pass("kvm", "runs a vCPU");
  const bool timed_out = !result.ok() && deadline.token().stop_requested() && !stop.stop_requested();
  const std::string why = timed_out             ? "a vCPU did not halt in 5 seconds"
                          : !result.ok()        ? OneLine(std::string(result.status().message()))
                          : result->err.empty() ? result->status.ToString()
                                                : OneLine(result->err.substr(0, result->err.find('\n')));
  const bool forbidden =
      absl::StrContains(why, "Permission denied") || absl::StrContains(why, "Operation not permitted");
  if (forbidden && ::geteuid() != 0)
    return Warning("kvm", why, "sudo banger doctor, as only group kvm may use it");
  if (forbidden) return Without(why, vmm, "allow this host /dev/kvm where it is kept in a container");
  return Without(why, vmm, LoadKvm(cpuinfo));
}

Finding ForUser(const Finding& found, const std::string& user, const std::filesystem::path& device,
                const std::string& vmm) {
  const passwd* const known = ::getpwnam(user.c_str());
  struct stat seen {};
  if (found.verdict != Verdict::kPass || known == nullptr || ::stat(device.c_str(), &seen) != 0 ||
      MayOpen(*known, seen))
    return found;
  const group* const owners = ::getgrgid(seen.st_gid);
  const bool by_group = (seen.st_mode & 0060) == 0060 && seen.st_gid != 0 && owners != nullptr;
  return Without(
      absl::StrCat("runs a vCPU, but user '", user, "' may not open '", device.string(), "'"), vmm,
      by_group
          ? absl::StrCat("sudo usermod -aG ", owners->gr_name, " ", user, " && sudo banger system restart")
          : absl::StrCat("sudo chgrp kvm ", device.string(), " && sudo chmod 0660 ", device.string()));
}

}  // namespace banger::cli
