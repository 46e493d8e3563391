#include "cli/doctor/vmm_versions.h"

#include <array>
#include <chrono>
#include <iterator>
#include <optional>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/output/text.h"
#include "common/os/subprocess.h"
#include "common/sync/deadline_stop.h"

namespace banger::cli {
namespace {

using Version = std::array<int, 3>;

constexpr std::chrono::seconds kPatience{5};
// As vmd accepts them: install_test compares.
constexpr Version kOldestFirecracker = {1, 14, 4};
constexpr Version kRefusedFirecracker = {1, 15, 0};
// Of Debian bookworm; older ones are repaired at most by distributions that have them.
constexpr Version kOldestQemu = {7, 2, 0};
constexpr char kQemuRepair[] = "sudo apt install qemu-system-x86";

// CVE-2024-3446: a guest has its
// QEMU free memory twice by virtio-serial, which our guests have. These repaired it, each for
// its series, the last for all that came after; distributions repair it in others, too.
constexpr Version kRepairedQemu[] = {{7, 2, 11}, {8, 2, 3}, {9, 0, 0}};

bool IsVulnerable(const Version& qemu) {
  for (const Version& repaired : kRepairedQemu)
    if (qemu >= repaired && qemu[0] == repaired[0] && qemu[1] == repaired[1]) return false;
  return qemu < std::end(kRepairedQemu)[-1];
}

std::optional<Version> VersionIn(absl::string_view text, const std::string& before) {
  const std::regex pattern(before + R"((\d{1,5})\.(\d{1,5})\.(\d{1,5}))");
  std::smatch match;
  const std::string start(text.substr(0, 200));
  if (!std::regex_search(start, match, pattern)) return std::nullopt;
  Version version{};
  for (std::size_t i = 0; i < version.size(); ++i)
    if (!absl::SimpleAtoi(match[i + 1].str(), &version[i])) return std::nullopt;
  return version;
}

std::string Text(const Version& version) {
  return absl::StrCat(version[0], ".", version[1], ".", version[2]);
}

std::string FirstLine(absl::string_view text) {
  return OneLine(std::string(text.substr(0, text.find('\n'))));
}

// Empty when it is not there.
std::string Find(const std::string& program, absl::string_view path) {
  if (absl::StrContains(program, '/')) return FindProgram(program).ok() ? program : "";
  for (const absl::string_view directory : absl::StrSplit(path, ':', absl::SkipEmpty()))
    if (const std::string found = absl::StrCat(directory, "/", program); FindProgram(found).ok())
      return found;
  return "";
}

// Nothing when it is not there; what it says of itself, also when that is an error.
std::optional<std::string> VersionOf(const std::string& program, absl::string_view path,
                                     const std::stop_token& stop) {
  const std::string found = Find(program, path);
  if (found.empty()) return std::nullopt;
  const DeadlineStop deadline(kPatience, stop);
  const auto result = RunCommand({.argv = {found, "--version"}}, {}, deadline.token());
  return result.ok() ? absl::StrCat(result->out, result->err) : std::string(result.status().message());
}

// Of what vmd does without.
Finding Unused(Finding finding) {
  if (finding.verdict != Verdict::kFail) return finding;
  return Warning(finding.check, finding.detail + "; VMs run under another VMM", finding.repair);
}

}  // namespace

Finding JudgeQemu(absl::string_view said) {
  const auto version = VersionIn(said, "QEMU emulator version ");
  if (!version.has_value())
    return Failure("qemu", absl::StrCat("says '", FirstLine(said), "'"),
                   "sudo apt install --reinstall qemu-system-x86");
  if (*version < kOldestQemu)
    return Warning("qemu", absl::StrCat(Text(*version), " is old, and repaired at most by the distribution"),
                   "upgrade it, or ask your distribution how long it repairs this one");
  if (IsVulnerable(*version))
    return Warning("qemu",
                   absl::StrCat(Text(*version),
                                " may let guests out by CVE-2024-3446, unless the distribution has "
                                "repaired it without another version"),
                   "upgrade it, or ask your distribution: its changelog of QEMU names what is repaired");
  return Pass("qemu", Text(*version));
}

Finding JudgeFirecracker(absl::string_view said) {
  const auto version = VersionIn(said, "Firecracker v");
  const std::string repair = absl::StrCat("install Firecracker ", Text(kOldestFirecracker),
                                          " or newer, but not ", Text(kRefusedFirecracker));
  if (!version.has_value())
    return Failure("firecracker", absl::StrCat("says '", FirstLine(said), "'"), repair);
  if (*version < kOldestFirecracker || *version == kRefusedFirecracker)
    return Failure("firecracker",
                   absl::StrCat(Text(*version), " has published vulnerabilities; banger refuses it"), repair);
  return Pass("firecracker", Text(*version));
}

Findings CheckVmms(const Config& config, bool kvm_works, absl::string_view path,
                   const std::stop_token& stop) {
  Findings findings;
  const auto qemu = config.vmm == "firecracker" ? std::nullopt : VersionOf(config.qemu_bin, path, stop);
  bool uses_firecracker = config.vmm == "firecracker";
  if (!absl::StartsWith(config.vmm, "qemu")) {
    const auto firecracker = VersionOf(config.firecracker_bin, path, stop);
    if (firecracker.has_value()) {
      findings.push_back(JudgeFirecracker(*firecracker));
      const bool fit = findings.back().verdict == Verdict::kPass;
      if (!uses_firecracker) findings.back() = Unused(findings.back());
      uses_firecracker = uses_firecracker || (fit && kvm_works);
    } else if (uses_firecracker) {
      findings.push_back(Failure("firecracker", absl::StrCat("'", config.firecracker_bin, "' is not there"),
                                 "install Firecracker, or configure vmm = \"auto\""));
    }
  }
  if (qemu.has_value())
    findings.push_back(uses_firecracker ? Unused(JudgeQemu(*qemu)) : JudgeQemu(*qemu));
  else if (!uses_firecracker)
    findings.push_back(Failure("qemu", absl::StrCat("'", config.qemu_bin, "' is not there"), kQemuRepair));
  return findings;
}

}  // namespace banger::cli
