#include "common/oci/platform.h"

#include <sys/utsname.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace banger::oci {
namespace {

struct Machine {
  const char* uname;
  const char* architecture;
  const char* variant;
};

constexpr Machine kMachines[] = {{"x86_64", "amd64", ""},       {"aarch64", "arm64", ""},
                                 {"i686", "386", ""},           {"armv7l", "arm", "v7"},
                                 {"armv6l", "arm", "v6"},       {"armv5tel", "arm", "v5"},
                                 {"loongarch64", "loong64", ""}};

bool IsWord(absl::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' || c == '.' || c == '-';
  });
}

// What a platform without a variant means.
int BaseLevel(const std::string& architecture) {
  if (architecture == "arm") return 7;
  return architecture == "arm64" ? 8 : 1;
}

// 3 for "v3"; nothing for what is no such word.
std::optional<int> Level(const Platform& platform) {
  if (platform.variant.empty()) return BaseLevel(platform.architecture);
  int level = 0;
  const bool fine = platform.variant.front() == 'v' && platform.variant.size() <= 3 &&
                    absl::SimpleAtoi(platform.variant.substr(1), &level) && level > 0;
  return fine ? std::optional<int>(level) : std::nullopt;
}

// Of the x86-64 psABI. The fourth level is not asked for: guests may lack it.
std::string ProcessorVariant() {
#ifdef __x86_64__
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
      __builtin_cpu_supports("fma"))
    return "v3";
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("popcnt"))
    return "v2";
#endif
  return "";
}

}  // namespace

std::string Platform::ToString() const {
  return absl::StrCat(os, "/", architecture, variant.empty() ? "" : "/", variant);
}

absl::StatusOr<Platform> ParsePlatform(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  if (parts.size() < 2 || parts.size() > 3 || !std::all_of(parts.begin(), parts.end(), IsWord))
    return absl::InvalidArgumentError(absl::StrCat("'", absl::CHexEscape(text.substr(0, 100)),
                                                   "' is no platform like linux/amd64 or linux/arm/v7"));
  return Platform{parts[0], parts[1], parts.size() == 3 ? parts[2] : ""};
}

Platform PlatformOf(const std::string& machine) {
  Platform platform{"linux", machine, ""};
  for (const Machine& known : kMachines)
    if (machine == known.uname) platform = {"linux", known.architecture, known.variant};
  utsname host{};
  if (::uname(&host) == 0 && machine == host.machine && platform.architecture == "amd64")
    platform.variant = ProcessorVariant();
  return platform;
}

std::string MachineOf(const std::string& architecture) {
  for (const Machine& known : kMachines)
    if (architecture == known.architecture) return known.uname;
  return architecture;
}

std::optional<int> Fit(const Platform& wanted, const Platform& offered) {
  if (wanted.os != offered.os || wanted.architecture != offered.architecture) return std::nullopt;
  if (wanted.variant == offered.variant) return 1000;
  const std::optional<int> most = Level(wanted), level = Level(offered);
  if (!most || !level || *level > *most) return std::nullopt;
  return *level;
}

}  // namespace banger::oci
