#pragma once

#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "services/netd/adapters/nft_program.h"

namespace banger::netd {

// In nftables a packet passes the chains of every table, and whoever drops it
// has the last word. So where another tool's chain drops what it does not know
// (Docker's FORWARD, ufw, firewalld) it gets two rules of ours at its top, marked
// by their comment, that let pass what comes from our bridge or goes there; what
// of it is allowed our own tables decide. Docker keeps a chain for such rules,
// DOCKER-USER, which is used where there is one.
class ForeignChains {
 public:
  // `families` are nft's words for them; "inet" is of both.
  ForeignChains(const NftProgram& nft, std::string bridge, std::string mark,
                std::set<std::string> families = {})
      : nft_(nft), bridge_(std::move(bridge)), mark_(std::move(mark)), families_(std::move(families)) {}

  // Puts our rules where they are missing; whether they were anywhere.
  absl::StatusOr<bool> Ensure();
  // Takes them out of all chains.
  absl::Status Remove();

 private:
  const NftProgram nft_;
  const std::string bridge_;
  const std::string mark_;
  const std::set<std::string> families_;
};

}  // namespace banger::netd
