#include "services/vmd/guest_call.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/convert.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

// A guest that runs answers at once; one that is wedged should not hold a caller.
constexpr std::chrono::seconds kConnectTimeout{15};

// Those of the agent's calls that come here, and that of a full disk.
constexpr std::array<const char*, 5> kReasonsOfGuests = {"COMMAND_REFUSED", "COPY_FAILED", "DISK_FULL",
                                                         "IMAGE_CONFIG_UNUSABLE", "NO_COMMAND"};

bool MaySay(const std::string& reason, absl::StatusCode code) {
  constexpr std::array kCodes = {absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound,
                                 absl::StatusCode::kFailedPrecondition, absl::StatusCode::kPermissionDenied,
                                 absl::StatusCode::kResourceExhausted};
  return std::find(kReasonsOfGuests.begin(), kReasonsOfGuests.end(), reason) != kReasonsOfGuests.end() &&
         std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

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
  const absl::Status said = rpc::FromGrpc(status);
  if (said.ok()) return said;
  if (absl::IsUnavailable(said))
    return GuestUnreachable(vm, absl::StrCat("the connection to its agent was lost while ", what));
  if (absl::IsCancelled(said) || absl::IsDeadlineExceeded(said))
    return absl::Status(said.code(), said.message());
  const std::string reason = ErrorReason(said);
  if (MaySay(reason, said.code())) return ApiError(said.code(), reason, said.message(), {{"vm", vm}});
  return GuestFailed(vm, absl::StrCat("while ", what, " its agent failed: ", said.message()));
}

}  // namespace banger::vmd
