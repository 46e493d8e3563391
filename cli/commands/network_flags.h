// What command lines say about a VM's network.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "banger/egress/v1/egress.pb.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "cli/flags.h"

namespace banger::cli {

// --egress; empty was not given.
void DeclareEgress(Flags& flags, std::string& egress);

// "all", "none" or "allow=example.com,10.0.0.0/8". A usage error names what is
// wrong.
absl::StatusOr<egress::v1::Egress> ParseEgress(const std::string& text);

// "[HOSTIP:]HOSTPORT:GUESTPORT[/udp]".
absl::StatusOr<vm::v1::PublishedPort> ParsePort(const std::string& text);
// "[HOSTIP:]HOSTPORT[/udp]", to name a published one; the guest's port may follow.
absl::StatusOr<vm::v1::PublishedPort> ParseHostPort(const std::string& text);

}  // namespace banger::cli
