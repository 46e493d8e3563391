#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "services/netd/adapters/foreign_chains.h"
#include "services/netd/adapters/nft_program.h"
#include "services/netd/adapters/nft_text.h"
#include "services/netd/core/ports.h"

namespace banger::netd {

// The firewall by nftables. The tables are made as a whole at the first Apply;
// after that only what differs goes to the kernel, so that a change takes as
// long with one guest as with hundreds.
class NftFirewall final : public Firewall {
 public:
  NftFirewall(NftProgram nft, FirewallTarget target);

  absl::Status Apply(Rules rules) override;
  absl::StatusOr<bool> IsInPlace() override;
  absl::StatusOr<bool> Repair() override;
  absl::StatusOr<OpenedAddresses> Opened() override;
  absl::Status Remove() override;

 private:
  // The mark of the table of our name; empty when there is none.
  absl::StatusOr<std::string> OwnerOfTable() const;
  absl::Status Replace(Rules rules);
  absl::Status Change(const std::string& text);
  // Both tables without their sets' elements, but with handles, which differ
  // when anything was made anew.
  absl::StatusOr<std::string> Fingerprint() const;

  const NftProgram nft_;
  const FirewallTarget target_;
  ForeignChains foreign_;
  bool is_clean_ = false;  // known to have nothing on the host
  std::optional<Rules> applied_;
  std::string fingerprint_;  // when `applied_` was made
  // At which all was known to be right: as long as nobody but us makes new ones
  // there is nothing to repair.
  std::optional<std::uint32_t> generation_;
};

}  // namespace banger::netd
