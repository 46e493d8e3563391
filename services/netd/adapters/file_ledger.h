#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "services/netd/core/ports.h"

namespace banger::netd {

// The ledger as JSON files, one for each row, replaced as a whole:
//
//   endpoints/ID.json  {"version": 1, "id": "ID", "address": "172.30.0.2", "owner": 999,
//                       "tap": "bgr-ac1e0002", "hostname": "web",
//                       "policy": {"nat": true, "egress": 2, "networks": ["10.0.0.0/8"],
//                                  "domains": ["example.com"], "peers": ["…"]}}
//   forwarding.json    {"version": 1, "interfaces": ["eth0"], "ipv6_interfaces": ["eth0"]}
//
// It is meant for a directory that a reboot empties, but an old one does no
// harm: its taps are gone and Network::Start sees that.
class FileLedger final : public Ledger {
 public:
  // Of a directory that Prepare has been called for.
  explicit FileLedger(std::filesystem::path directory) : directory_(std::move(directory)) {}

  static absl::Status Prepare(const std::filesystem::path& directory);

  absl::StatusOr<Contents> Load() override;
  absl::Status Save(const Endpoint& endpoint) override;
  absl::Status Remove(const std::string& id) override;
  absl::Status SaveForwarding(const Interfaces& interfaces) override;

 private:
  std::filesystem::path RowOf(const std::string& id) const;
  // Names of the files; removes what a crash left half written.
  absl::StatusOr<std::vector<std::string>> Rows() const;
  std::filesystem::path ForwardingFile() const { return directory_ / "forwarding.json"; }

  const std::filesystem::path directory_;
};

}  // namespace banger::netd
