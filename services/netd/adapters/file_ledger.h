#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "services/netd/core/ports.h"

namespace banger::netd {

// The ledger as one JSON file, replaced as a whole at each change:
//
//   {"version": 1,
//    "endpoints": [{"id": "…", "address": "172.30.0.2", "owner": 999, "tap": "bgr-ac1e0002",
//                   "policy": {"nat": true, "egress": 2, "networks": ["10.0.0.0/8"],
//                              "domains": ["example.com"], "peers": ["…"]}}],
//    "forwarding": ["eth0"]}
//
// It is meant for a directory that a reboot empties, but an old one does no
// harm: its taps are gone and Network::Start sees that.
class FileLedger final : public Ledger {
 public:
  explicit FileLedger(std::filesystem::path file) : file_(std::move(file)) {}

  absl::StatusOr<Records> Load() override;
  absl::Status Save(const Records& records) override;

 private:
  struct Row {
    Endpoint endpoint;
    std::string text;  // as it stands in the file
  };

  const std::filesystem::path file_;
  // Of the last Save: most are the same the next time.
  std::map<std::string, Row> rows_;
};

}  // namespace banger::netd
