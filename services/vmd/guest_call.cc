#include "services/vmd/guest_call.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/vmd/convert.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

// A guest that runs answers at once; one that is wedged should not hold a caller.
constexpr std::chrono::seconds kConnectTimeout{15};

}  // namespace

absl::StatusOr<ReachedGuest> ReachGuest(VmManager& vms, GuestLinks& guests, const std::string& name,
                                        const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const std::string reference, ParseVmName(name));
  BANGER_ASSIGN_OR_RETURN(VmInUse vm, vms.RequireRunning(reference));
  auto channel = guests.Channel(vm.uid, kConnectTimeout, stop);
  if (absl::IsDeadlineExceeded(channel.status()) || absl::IsUnavailable(channel.status()))
    return GuestUnreachable(vm.name, std::string(channel.status().message()));
  if (!channel.ok()) return channel.status();
  return ReachedGuest{std::move(vm), *std::move(channel)};
}

absl::Status EndOfGuestCall(const std::string& vm, const std::string& what, const grpc::Status& status) {
  absl::Status result = rpc::FromGrpc(status);
  if (absl::IsUnavailable(result))
    return GuestUnreachable(vm, absl::StrCat("the connection to its agent was lost while ", what));
  return result;
}

}  // namespace banger::vmd
