#pragma once

#include "absl/status/statusor.h"
#include "services/netd/adapters/nft_program.h"
#include "services/netd/adapters/nft_text.h"

namespace banger::netd {

// Rules::opened as the kernel has it: the sets `named`, which has all, and
// `opened`, which has those that have not ended. Empty where there are no sets.
absl::StatusOr<OpenedAddresses> ReadOpened(const NftProgram& nft, const FirewallTarget& target,
                                           SteadyTime now);

}  // namespace banger::netd
