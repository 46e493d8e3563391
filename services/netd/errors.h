// Every error that netd's API answers.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "services/netd/core/prefix.h"

namespace banger::netd {

inline absl::Status EndpointIdInvalid(const std::string& id) {
  // Cut and escaped: it goes into logs, and it is whatever a caller sent.
  const std::string shown = absl::CHexEscape(id.substr(0, 80));
  return ApiError(absl::StatusCode::kInvalidArgument, "ENDPOINT_ID_INVALID",
                  absl::StrCat("endpoint id '", shown, "': must be 1 to 64 of a-z, 0-9 and '-'"),
                  {{"endpoint", shown}});
}

inline absl::Status EndpointNameInvalid(const std::string& name) {
  const std::string shown = absl::CHexEscape(name.substr(0, 80));
  return ApiError(absl::StatusCode::kInvalidArgument, "ENDPOINT_ID_INVALID",
                  absl::StrCat("endpoint name '", shown, "': must be endpoints/ID"), {{"endpoint", shown}});
}

inline absl::Status HostnameInvalid(const std::string& hostname) {
  const std::string shown = absl::CHexEscape(hostname.substr(0, 80));
  return ApiError(
      absl::StatusCode::kInvalidArgument, "HOSTNAME_INVALID",
      absl::StrCat("hostname '", shown, "': must be 1 to 63 of a-z, 0-9 and '-', with no '-' at either end"),
      {{"hostname", shown}});
}

// Another user's guest has the name, and DNS has one address for it.
inline absl::Status HostnameInUse(const std::string& hostname) {
  return ApiError(
      absl::StatusCode::kFailedPrecondition, "HOSTNAME_IN_USE",
      absl::StrCat("'", hostname, ".vm' is the name of another user's running VM: choose another"),
      {{"hostname", hostname}});
}

inline absl::Status EndpointNotFound(const std::string& id) {
  return ApiError(absl::StatusCode::kNotFound, "ENDPOINT_NOT_FOUND",
                  absl::StrCat("endpoint '", id, "' not found"), {{"endpoint", id}});
}

// ALREADY_EXISTS to who wants to make it, PERMISSION_DENIED to who wants to
// change it.
inline absl::Status EndpointOfAnotherUser(absl::StatusCode code, const std::string& id) {
  return ApiError(code, "ENDPOINT_OF_ANOTHER_USER", absl::StrCat("endpoint '", id, "' is another user's"),
                  {{"endpoint", id}});
}

// WithTap found the endpoint without a tap.
inline absl::Status TapNotAttached(const std::string& id) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "TAP_NOT_ATTACHED",
                  absl::StrCat("endpoint '", id, "' has no tap"), {{"endpoint", id}});
}

inline absl::Status NoAddressLeft(const std::string& subnet, std::size_t endpoints) {
  return ApiError(absl::StatusCode::kResourceExhausted, "NO_ADDRESS_LEFT",
                  absl::StrCat("no address left in ", subnet, ": ", endpoints, " endpoints have them all"),
                  {{"subnet", subnet}});
}

inline absl::Status PolicyInvalid(const std::string& why) {
  const std::string shown = absl::CHexEscape(why.substr(0, 200));
  return ApiError(absl::StatusCode::kInvalidArgument, "POLICY_INVALID",
                  absl::StrCat("network policy: ", shown), {{"why", shown}});
}

inline absl::Status FirewallFailed(const std::string& why) {
  return ApiError(absl::StatusCode::kInternal, "FIREWALL_FAILED",
                  absl::StrCat("set the firewall's rules: ", why), {{"why", why}});
}

inline absl::Status CallerNotAllowed(unsigned uid) {
  return ApiError(absl::StatusCode::kPermissionDenied, "CALLER_NOT_ALLOWED",
                  absl::StrCat("uid ", uid, " may not use netd: it serves root and the uids of --client-uid"),
                  {{"uid", absl::StrCat(uid)}});
}

// `why` says what it is instead.
inline absl::Status InterfaceNotOurs(const std::string& interface, const std::string& why) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "INTERFACE_NOT_OURS",
                  absl::StrCat("interface '", interface, "' is not of this netd: ", why),
                  {{"interface", interface}});
}

inline absl::Status SubnetInUse(const Prefix& subnet, const Prefix& route, const std::string& interface) {
  const char* remedy =
      subnet.family() == Family::kIpv4
          ? "set another [network] address, or none and restart netd, which takes a free subnet"
          : "set another [network] ipv6_prefix";
  return ApiError(absl::StatusCode::kFailedPrecondition, "SUBNET_IN_USE",
                  absl::StrCat("subnet ", subnet.ToString(), " collides with the host's route ",
                               route.ToString(), " dev ", interface, ": ", remedy),
                  {{"subnet", subnet.ToString()}, {"route", route.ToString()}, {"interface", interface}});
}

inline absl::Status BridgeAddressDiffers(const std::string& bridge, const std::string& has,
                                         const std::string& wanted) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "BRIDGE_ADDRESS_DIFFERS",
                  absl::StrCat("bridge '", bridge, "' is in use with address ", has,
                               " but is configured to have ", wanted, ": stop its VMs first"),
                  {{"bridge", bridge}, {"address", has}});
}

// [network] ipv6 on a host that has none.
inline absl::Status NoIpv6() {
  return ApiError(absl::StatusCode::kFailedPrecondition, "NO_IPV6",
                  "[network] ipv6 is on, but this host's kernel has no IPv6: switch either", {});
}

// [network] ipv6 with an interface that lets no IPv6 by: the way out, or our bridge,
// of a time when the way out was such.
inline absl::Status MtuTooSmallForIpv6(const std::string& interface, int mtu) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "MTU_TOO_SMALL",
                  absl::StrCat("[network] ipv6 is on and needs an MTU of 1280, but that of '", interface,
                               "' is ", mtu, ": raise it, or switch ipv6 off"),
                  {{"interface", interface}, {"mtu", absl::StrCat(mtu)}});
}

}  // namespace banger::netd
