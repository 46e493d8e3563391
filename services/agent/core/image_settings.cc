#include "services/agent/core/image_settings.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace banger::agent {
namespace {

constexpr char kSshdSettings[] =
    "PermitRootLogin prohibit-password\nPubkeyAuthentication yes\nPasswordAuthentication no\n"
    "KbdInteractiveAuthentication no\nAuthenticationMethods publickey\n";
constexpr char kMark[] = "# set by banger\n";

std::vector<absl::string_view> Lines(absl::string_view text) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

bool NamesBlockDevice(absl::string_view line) {
  line = absl::StripLeadingAsciiWhitespace(line);
  for (const char* prefix : {"/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID="}) {
    if (absl::StartsWith(line, prefix)) return true;
  }
  return false;
}

// The line without the names that we set ourselves; empty when none is left.
std::string WithoutNames(absl::string_view line, const std::string& hostname) {
  const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.empty() || absl::StartsWith(words[0], "#")) return std::string(line);
  std::string kept = words[0];
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] != hostname && words[i] != "localhost") absl::StrAppend(&kept, "\t", words[i]);
  }
  return kept == words[0] ? "" : kept;
}

}  // namespace

std::string FilterFstab(absl::string_view fstab) {
  std::string kept;
  for (const absl::string_view line : Lines(fstab))
    absl::StrAppend(&kept, NamesBlockDevice(line) ? "# not here: " : "", line, "\n");
  return kept;
}

std::string SshdDropIn() { return absl::StrCat(kMark, kSshdSettings); }

std::string PrependSshdSettings(absl::string_view config) {
  const std::string settings = SshdDropIn();
  return absl::StartsWith(config, settings) ? std::string(config) : absl::StrCat(settings, config);
}

bool BeginsWithDropIns(absl::string_view sshd_config) {
  for (const absl::string_view line : Lines(sshd_config)) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(" \t=\""), absl::SkipEmpty());
    if (words.empty() || absl::StartsWith(words[0], "#")) continue;
    if (!absl::EqualsIgnoreCase(words[0], "Include")) return false;
    return std::any_of(words.begin() + 1, words.end(), [](absl::string_view pattern) {
      absl::ConsumePrefix(&pattern, "/etc/ssh/");
      return pattern == "sshd_config.d/*.conf" || pattern == "sshd_config.d/*";
    });
  }
  return false;
}

std::string HostsFile(absl::string_view old, const std::string& hostname, const std::string& address) {
  std::string hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  absl::StrAppend(&hosts, address.empty() ? "127.0.1.1" : address, "\t", hostname, "\n");
  for (const absl::string_view line : Lines(old)) {
    const std::string kept = WithoutNames(line, hostname);
    if (!kept.empty() && !absl::StartsWith(kept, "::1\t") &&
        !absl::StrContains(hosts, absl::StrCat(kept, "\n")))
      absl::StrAppend(&hosts, kept, "\n");
  }
  return hosts;
}

std::string ResolvConf(const std::vector<std::string>& nameservers) {
  std::string text = kMark;
  for (const std::string& server : nameservers) absl::StrAppend(&text, "nameserver ", server, "\n");
  return text;
}

}  // namespace banger::agent
