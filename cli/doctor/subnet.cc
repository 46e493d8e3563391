#include "cli/doctor/subnet.h"

#include <arpa/inet.h>

#include <system_error>

#include "absl/strings/str_cat.h"
#include "cli/doctor/routes.h"
#include "cli/output/text.h"
#include "common/os/file.h"

namespace banger::cli {
namespace {

using system::v1::GetNetworkResponse;

constexpr char kAnother[] = "another [network] ";
constexpr char kRepair[] = " in /etc/banger/config.toml; sudo banger system restart";

}  // namespace

Finding CheckSubnet(const GetNetworkResponse& view, absl::string_view routes) {
  const network::v1::Network& network = view.network();
  const std::string subnet = absl::StrCat(network.gateway(), "/", network.prefix_length());
  in_addr gateway{};
  if (::inet_pton(AF_INET, network.gateway().c_str(), &gateway) != 1)
    return Warning("subnet", absl::StrCat("netd says '", OneLine(network.gateway()), "'"),
                   "banger system network");
  const std::uint32_t mask = MaskOf(network.prefix_length());
  for (const HostRoute& route : ParseRoutes(routes)) {
    const std::uint32_t common = mask & route.mask;
    if (IsDefault(route) || route.interface == network.bridge() ||
        (route.destination & common) != (ntohl(gateway.s_addr) & common))
      continue;
    return Failure("subnet",
                   absl::StrCat(subnet, " shares addresses with a route by '", OneLine(route.interface), "'"),
                   absl::StrCat(kAnother, "address", kRepair));
  }
  return Pass("subnet", absl::StrCat(subnet, ", used by nobody else"));
}

Finding CheckBridge(const GetNetworkResponse& view, const std::filesystem::path& interfaces,
                    const std::filesystem::path& netd_run_dir) {
  const std::string& bridge = view.network().bridge();
  std::error_code error;
  if (bridge.empty() || !std::filesystem::exists(interfaces / bridge, error))
    return Pass("bridge", absl::StrCat("'", OneLine(bridge), "' is free"));
  // As netd marks what it made.
  const std::string alias = ReadFile(interfaces / bridge / "ifalias").value_or("");
  if (alias == absl::StrCat("banger:", bridge, ":", netd_run_dir.string(), "\n"))
    return Pass("bridge", absl::StrCat("'", OneLine(bridge), "' is netd's"));
  return Failure("bridge", absl::StrCat("'", OneLine(bridge), "' is somebody else's interface"),
                 absl::StrCat(kAnother, "bridge", kRepair));
}

}  // namespace banger::cli
