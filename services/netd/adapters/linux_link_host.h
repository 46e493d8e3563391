#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/netd/adapters/netlink.h"
#include "services/netd/core/ports.h"

namespace banger::netd {

// The links of the network namespace it is made in. The mark is the interface
// alias:
//
//   bridge   banger:BRIDGE:DIRECTORY
//   tap      banger:BRIDGE:DIRECTORY:OWNER:ENDPOINT; of a spare one without ENDPOINT
//
// so that netds with another bridge or directory leave each other alone. The
// bridge has IPv6 only where the subnet does, without what a guest's router
// advertisements would change; taps never have it.
class LinuxLinkHost final : public LinkHost {
 public:
  struct Options {
    std::string bridge;  // as CheckBridgeName allows
    Subnet subnet;
    std::filesystem::path directory;  // of this netd
  };
  static absl::StatusOr<std::unique_ptr<LinuxLinkHost>> Create(Options options);
  // The bridge's mark.
  static std::string MarkOf(const std::string& bridge, const std::filesystem::path& directory);

  absl::Status EnsureBridge() override;
  absl::Status RemoveBridge() override;
  absl::StatusOr<int> BridgeMtu() override;
  absl::StatusOr<bool> BridgeIsUp() override;
  absl::StatusOr<std::vector<Tap>> ListTaps() override;
  absl::Status CheckTapName(const std::string& name) override;
  absl::Status EnsureTap(const Tap& tap) override;
  absl::Status RemoveTap(const std::string& name) override;

  // The queue of a tap of ours: see OpenTapQueue.
  absl::StatusOr<UniqueFd> OpenTap(const std::string& name);

 private:
  LinuxLinkHost(Options options, std::unique_ptr<Netlink> netlink);

  // Empty when there is no interface of that name.
  absl::StatusOr<std::optional<Link>> FindLink(const std::string& name);
  absl::Status CheckIsOurBridge(const Link& link) const;
  bool IsUnfinishedBridge(const Link& link) const;
  absl::Status CheckSubnetIsFree();
  // Up, and as FinishBridge leaves it.
  absl::StatusOr<bool> IsRight(const Link& bridge);
  // Of its addresses. An idle bridge with another one is removed.
  absl::StatusOr<std::vector<LinkAddress>> MissingOf(const Link& bridge);
  absl::Status FinishBridge(const Link& bridge, const std::vector<LinkAddress>& missing);
  // Whether IPv6 can be where it is wanted.
  absl::Status CheckMtu(const std::string& interface, int mtu) const;

  std::string AliasOf(const Tap& tap) const;
  // Empty when the link is no tap of ours.
  std::optional<Tap> ToTap(const Link& link) const;
  absl::Status MakeTap(const Tap& tap, const Link& bridge);
  // The bridge knows the guest's MAC at this port and learns no other.
  absl::Status BindMac(const Link& tap);

  const Options options_;
  const std::string mark_;
  const std::unique_ptr<Netlink> netlink_;
};

// 1 to 15 of a-z A-Z 0-9 '-' '_' '.', beginning with a letter; not one of the
// names that taps have. Else INVALID_ARGUMENT.
absl::Status CheckBridgeName(const std::string& name);

}  // namespace banger::netd
