// A network namespace for a test, so that it neither sees nor changes the
// machine's own network.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/sysctl.h"

namespace banger::netd {

// Moves the calling thread, and what it starts from now on, into a new and empty
// one; the kernel removes the last one with all that was in it. Empty, or why
// this machine does not let us.
inline std::string EnterNewNetworkNamespace() {
  if (::geteuid() != 0) return "needs root";
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) return "needs /dev/net/tun";
  if (::unshare(CLONE_NEWNET) != 0) return absl::StrCat("unshare: ", std::strerror(errno));
  return "";
}

// `ip ARGUMENTS`: what it prints. `arguments` are split at blanks.
inline std::string Ip(const std::string& arguments) {
  std::vector<std::string> argv = absl::StrSplit(absl::StrCat("ip ", arguments), ' ');
  const absl::StatusOr<std::string> out = RunCommandOk({.argv = std::move(argv)});
  if (!out.ok()) ADD_FAILURE() << out.status();
  return out.ok() ? *out : "";
}

// `nft TEXT`: what it prints.
inline std::string Nft(const std::string& text) {
  const absl::StatusOr<std::string> out = RunCommandOk({.argv = {"nft", text}});
  if (!out.ok()) ADD_FAILURE() << out.status();
  return out.ok() ? *out : "";
}

// For hosts with links of their own: what IPv6 does by itself a second after they
// are up is no change of netd's.
inline void DisableIpv6() {
  for (const char* which : {"all", "default"}) {
    const absl::Status set = SetSysctl(absl::StrCat("/proc/sys/net/ipv6/conf/", which, "/disable_ipv6"), '1');
    EXPECT_TRUE(set.ok() || absl::IsNotFound(set)) << set;  // a kernel without IPv6
  }
}

// For hosts with IPv6: link-local addresses of interfaces to come are there at once,
// as nobody is asked whether they have them.
inline void SkipDuplicateDetection() {
  EXPECT_TRUE(SetSysctl("/proc/sys/net/ipv6/conf/default/accept_dad", '0').ok());
}

// All that a netd could have changed: links with marks and ports, addresses,
// routes, packet filters, who forwards. Not what the kernel changes by itself a
// moment later: carrier, timers.
inline std::string HostNetwork() {
  nlohmann::json links = nlohmann::json::parse(Ip("-d -j addr show"));
  for (nlohmann::json& link : links) {
    const nlohmann::json flags = link["flags"];
    link["up"] = std::find(flags.begin(), flags.end(), "UP") != flags.end();
    for (const char* key : {"flags", "operstate"}) link.erase(key);
    if (link.contains("linkinfo"))
      for (const char* key : {"info_data", "info_slave_data"}) link["linkinfo"].erase(key);
  }
  std::vector<std::string> interfaces = {"all", "default"};
  for (const nlohmann::json& link : links) interfaces.push_back(link["ifname"]);
  std::string options;
  for (const std::string& interface : interfaces)
    for (const char* option : {"ipv4/conf/$/forwarding", "ipv6/conf/$/forwarding",
                               "ipv6/conf/$/force_forwarding", "ipv6/conf/$/accept_ra"}) {
      const std::string file = absl::StrReplaceAll(option, {{"$", interface}});
      absl::StrAppend(&options, file, " ", ReadFile("/proc/sys/net/" + file).value_or("none\n"));
    }
  return absl::StrCat(links.dump(1), "\n",
                      absl::StrReplaceAll(Ip("route show table all"), {{" linkdown", ""}}), options,
                      Nft("list ruleset"));
}

}  // namespace banger::netd
