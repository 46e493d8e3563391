#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/os/unique_fd.h"

namespace banger::agent {

// A connected socket to a service of this guest: on its loopback (IPv4, then
// IPv6), else on an address of its own. UNAVAILABLE when nobody listens.
absl::StatusOr<UniqueFd> DialTcp(int port);

// The same for datagrams. Whether somebody listens shows only when one is sent:
// `first` is, to each address in turn until one does not refuse it at once.
absl::StatusOr<UniqueFd> DialUdp(int port, absl::string_view first);

}  // namespace banger::agent
