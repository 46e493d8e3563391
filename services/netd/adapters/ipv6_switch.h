#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger::netd {

// IPv6 forwarding as kernels before 6.17 have it: between all interfaces or none,
// by all/forwarding. Writing that also makes each interface a router's, which
// believes no router advertisements any more and loses the default routes that it
// has by them. We need the first and not the second: so each interface becomes a
// host's again, which does not keep its packets from being forwarded, and believes
// advertisements unconditionally (accept_ra=2) in between. That `default` is a
// host's then also tells whether somebody else has written all/forwarding since.
//
// What has to be put back is in the file `undo` before anything is changed.
// docs/adr/0008-ipv6.md has what was measured. Used by one thread at a time.
class Ipv6Switch {
 public:
  // What a death left half done counts as off: TurnOn finishes it.
  enum class State { kOff, kOurs, kOthers };

  explicit Ipv6Switch(std::filesystem::path undo) : undo_(std::move(undo)) {}

  absl::StatusOr<State> Look() const;
  // Nothing when it is on, at whosever wish.
  absl::Status TurnOn();
  // Unless somebody else wants it on.
  absl::Status TurnOff();

 private:
  struct Undo {
    std::set<std::string> routers;  // interfaces that had been routers' before
    std::set<std::string> raised;   // whose accept_ra is 2 and was 1
    std::set<std::string> kept;     // whose accept_ra was 2 before
    bool settled = true;            // each interface is what it was; none is raised any more
  };
  // NOT_FOUND when there is nothing to put back.
  absl::StatusOr<Undo> Load() const;
  absl::Status Save(const Undo& undo) const;
  // Has all but routers' believe advertisements whatever happens; records it before.
  absl::Status Raise(Undo& undo) const;
  // Also what has come meanwhile, and got it from "default".
  absl::Status Lower(const Undo& undo) const;

  const std::filesystem::path undo_;
};

}  // namespace banger::netd
