#include "services/netd/adapters/ipv6_switch.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/sysctl.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/adapters/ipv6_options.h"

namespace banger::netd {
namespace {

using nlohmann::json;

constexpr char kDirectory[] = "/proc/sys/net/ipv6/conf";
constexpr char kDefault[] = "default";  // what interfaces to come get

// Fine when there is no such interface.
absl::Status Set(const std::string& interface, const char* option, char value) {
  const absl::Status set = SetSysctl(Ipv6Option(interface, option), value);
  return absl::IsNotFound(set) ? absl::OkStatus() : set;
}

// With kDefault.
absl::StatusOr<std::vector<std::string>> Interfaces() {
  std::error_code error;
  std::vector<std::string> interfaces;
  for (const auto& entry : std::filesystem::directory_iterator(kDirectory, error))
    if (entry.path().filename() != "all") interfaces.push_back(entry.path().filename());
  if (error) return ErrnoError(error.value(), absl::StrCat("list '", kDirectory, "'"));
  return interfaces;
}

// All but `routers`; first those to come, so that the list has all that came before.
absl::Status MakeHosts(const std::set<std::string>& routers) {
  if (routers.count(kDefault) == 0) BANGER_RETURN_IF_ERROR(Set(kDefault, kIpv6Forwarding, '0'));
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> interfaces, Interfaces());
  for (const std::string& interface : interfaces)
    if (routers.count(interface) == 0) BANGER_RETURN_IF_ERROR(Set(interface, kIpv6Forwarding, '0'));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Ipv6Switch::Undo> Ipv6Switch::Load() const {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(undo_));
  try {
    const json file = json::parse(text);
    return Undo{.routers = file.at("routers").get<std::set<std::string>>(),
                .raised = file.at("raised").get<std::set<std::string>>(),
                .kept = file.value("kept", std::set<std::string>()),
                .settled = file.at("settled").get<bool>()};
  } catch (const json::exception& error) {
    return absl::NotFoundError(absl::StrCat("'", undo_.string(), "': ", error.what()));
  }
}

absl::Status Ipv6Switch::Save(const Undo& undo) const {
  const json file = {
      {"routers", undo.routers}, {"raised", undo.raised}, {"kept", undo.kept}, {"settled", undo.settled}};
  return WriteFileAtomically(undo_, file.dump());
}

absl::StatusOr<Ipv6Switch::State> Ipv6Switch::Look() const {
  BANGER_ASSIGN_OR_RETURN(const bool is_on, SysctlIs(Ipv6Option("all", kIpv6Forwarding), '1'));
  if (!is_on) return State::kOff;
  const absl::StatusOr<Undo> undo = Load();
  if (absl::IsNotFound(undo.status())) return State::kOthers;
  if (!undo.ok()) return undo.status();
  if (!undo->settled) return State::kOff;
  BANGER_ASSIGN_OR_RETURN(const bool was_written_again, SysctlIs(Ipv6Option(kDefault, kIpv6Forwarding), '1'));
  const bool tells = undo->routers.count(kDefault) == 0;
  return tells && was_written_again ? State::kOthers : State::kOurs;
}

absl::Status Ipv6Switch::TurnOn() {
  BANGER_ASSIGN_OR_RETURN(const State state, Look());
  absl::StatusOr<Undo> found = Load();
  const bool is_interrupted = found.ok() && !found->settled;
  if (state != State::kOff && !is_interrupted) return absl::OkStatus();
  Undo undo;
  if (is_interrupted) {
    undo = *std::move(found);
  } else {
    BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> interfaces, Interfaces());
    for (const std::string& interface : interfaces) {
      BANGER_ASSIGN_OR_RETURN(const bool is_router, SysctlIs(Ipv6Option(interface, kIpv6Forwarding), '1'));
      if (is_router) undo.routers.insert(interface);
    }
  }
  BANGER_RETURN_IF_ERROR(Raise(undo));
  BANGER_RETURN_IF_ERROR(Set("all", kIpv6Forwarding, '1'));
  BANGER_RETURN_IF_ERROR(MakeHosts(undo.routers));
  BANGER_RETURN_IF_ERROR(Lower(undo));
  return Save(Undo{.routers = undo.routers});
}

absl::Status Ipv6Switch::TurnOff() {
  absl::StatusOr<Undo> undo = Load();
  if (absl::IsNotFound(undo.status())) return absl::OkStatus();
  if (!undo.ok()) return undo.status();
  BANGER_ASSIGN_OR_RETURN(const State state, Look());
  if (state != State::kOthers) {
    // Making one a router's again costs all others their routes, too.
    if (!undo->routers.empty()) BANGER_RETURN_IF_ERROR(Raise(*undo));
    BANGER_RETURN_IF_ERROR(Set("all", kIpv6Forwarding, '0'));
    for (const std::string& interface : undo->routers)
      BANGER_RETURN_IF_ERROR(Set(interface, kIpv6Forwarding, '1'));
  }
  BANGER_RETURN_IF_ERROR(Lower(*undo));
  return RemoveFileDurably(undo_);
}

absl::Status Ipv6Switch::Raise(Undo& undo) const {
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> interfaces, Interfaces());
  const bool goes_on = !undo.settled;  // after a death: some are raised already
  for (const std::string& interface : interfaces) {
    BANGER_ASSIGN_OR_RETURN(const bool believes_routers, SysctlIs(Ipv6Option(interface, kIpv6AcceptRa), '1'));
    if (believes_routers && undo.routers.count(interface) == 0) undo.raised.insert(interface);
    if (goes_on) continue;
    BANGER_ASSIGN_OR_RETURN(const bool believes_always, SysctlIs(Ipv6Option(interface, kIpv6AcceptRa), '2'));
    if (believes_always) undo.kept.insert(interface);
  }
  undo.settled = false;
  BANGER_RETURN_IF_ERROR(Save(undo));
  for (const std::string& interface : undo.raised) BANGER_RETURN_IF_ERROR(Set(interface, kIpv6AcceptRa, '2'));
  return absl::OkStatus();
}

absl::Status Ipv6Switch::Lower(const Undo& undo) const {
  if (undo.raised.empty()) return absl::OkStatus();
  const bool raised_to_come = undo.raised.count(kDefault) != 0;
  if (raised_to_come) BANGER_RETURN_IF_ERROR(Set(kDefault, kIpv6AcceptRa, '1'));
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> interfaces, Interfaces());
  for (const std::string& interface : interfaces) {
    if (undo.kept.count(interface) != 0) continue;
    if (!raised_to_come && undo.raised.count(interface) == 0) continue;
    BANGER_ASSIGN_OR_RETURN(const bool is_raised, SysctlIs(Ipv6Option(interface, kIpv6AcceptRa), '2'));
    if (is_raised) BANGER_RETURN_IF_ERROR(Set(interface, kIpv6AcceptRa, '1'));
  }
  return absl::OkStatus();
}

}  // namespace banger::netd
