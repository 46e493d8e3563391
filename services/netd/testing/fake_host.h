// The host's links, firewall and routing and the ledger's file in memory, with
// faults on demand.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/netd/core/network.h"
#include "services/netd/core/ports.h"
#include "services/netd/errors.h"

namespace banger::netd {

// Fails, or "crashes" a test by failing every call from then on.
class Faults {
 public:
  // The call number `n` from now (0 is the next) and all later ones fail.
  void FailFrom(int n) { countdown_ = n; }
  void Stop() { countdown_ = -1; }

  absl::Status Next(const std::string& what) {
    if (countdown_ < 0) return absl::OkStatus();
    if (countdown_ > 0) return --countdown_, absl::OkStatus();
    return absl::InternalError(what + ": injected fault");
  }

 private:
  int countdown_ = -1;
};

class FakeLinkHost final : public LinkHost {
 public:
  absl::Status EnsureBridge() override {
    if (const absl::Status fault = faults.Next("make bridge"); !fault.ok()) return fault;
    has_bridge = true;
    return absl::OkStatus();
  }

  absl::Status RemoveBridge() override {
    if (const absl::Status fault = faults.Next("remove bridge"); !fault.ok()) return fault;
    has_bridge = false;
    return absl::OkStatus();
  }

  absl::StatusOr<int> BridgeMtu() override { return 1500; }
  absl::StatusOr<bool> BridgeIsUp() override { return has_bridge; }

  absl::StatusOr<std::vector<Tap>> ListTaps() override {
    if (const absl::Status fault = faults.Next("list taps"); !fault.ok()) return fault;
    std::vector<Tap> listed;
    for (const auto& [name, tap] : taps) listed.push_back(tap);
    return listed;
  }

  absl::Status CheckTapName(const std::string& name) override {
    return foreign.count(name) != 0 ? InterfaceNotOurs(name, "it has no mark") : absl::OkStatus();
  }

  absl::Status EnsureTap(const Tap& tap) override {
    if (const absl::Status fault = faults.Next("make tap"); !fault.ok()) return fault;
    if (foreign.count(tap.name) != 0) return InterfaceNotOurs(tap.name, "it has no mark");
    if (!has_bridge) return absl::InternalError("there is no bridge");
    const auto before = taps.find(tap.name);
    const bool in_use = before != taps.end() && before->second.in_use;
    if (before == taps.end()) ++made;
    taps[tap.name] = tap;
    taps[tap.name].in_use = in_use;
    return absl::OkStatus();
  }

  absl::Status RemoveTap(const std::string& name) override {
    if (const absl::Status fault = faults.Next("remove tap"); !fault.ok()) return fault;
    taps.erase(name);
    return absl::OkStatus();
  }

  bool has_bridge = false;
  int made = 0;  // taps, in all
  std::map<std::string, Tap> taps;
  // Names of interfaces that are not ours.
  std::set<std::string> foreign;
  Faults faults;
};

class FakeNames final : public NameRegistry {
 public:
  void Publish(const std::string& hostname, Ipv4 address) override { addresses[hostname] = address; }
  void Withdraw(const std::string& hostname, Ipv4 address) override {
    const auto found = addresses.find(hostname);
    if (found != addresses.end() && found->second == address) addresses.erase(found);
  }

  std::map<std::string, Ipv4> addresses;
};

// Remembers what holds; others can take it away.
class FakeFirewall final : public Firewall {
 public:
  absl::Status Apply(Rules rules) override {
    if (on_apply) on_apply(rules);
    if (const absl::Status fault = faults.Next("set rules"); !fault.ok()) return fault;
    wanted = applied = std::move(rules);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> IsInPlace() override { return applied.has_value() && applied == wanted; }

  absl::StatusOr<bool> Repair() override {
    if (const absl::Status fault = faults.Next("repair rules"); !fault.ok()) return fault;
    const bool broken = applied != wanted;
    applied = wanted;
    return broken;
  }

  absl::StatusOr<OpenedAddresses> Opened() override {
    return applied.has_value() ? applied->opened : OpenedAddresses();
  }

  absl::Status Remove() override {
    if (const absl::Status fault = faults.Next("remove rules"); !fault.ok()) return fault;
    wanted.reset();
    applied.reset();
    return absl::OkStatus();
  }

  std::function<void(const Rules&)> on_apply;
  std::optional<Rules> applied;
  std::optional<Rules> wanted;
  Faults faults;
};

class FakeRouter final : public Router {
 public:
  absl::StatusOr<std::set<std::string>> Uplinks(Family family) override {
    if (const absl::Status fault = faults.Next("find uplinks"); !fault.ok()) return fault;
    return uplinks[family];
  }
  absl::StatusOr<bool> Forwards(Family family, const std::string& interface) override {
    return everywhere[family] || forwarding[family].count(interface) != 0;
  }
  absl::Status SetForwarding(Family family, const std::string& interface, bool on) override {
    if (const absl::Status fault = faults.Next("set forwarding"); !fault.ok()) return fault;
    if (on)
      forwarding[family].insert(interface);
    else
      forwarding[family].erase(interface);
    return absl::OkStatus();
  }
  absl::StatusOr<bool> ForwardsEverywhere(Family family) override { return everywhere[family]; }

  Interfaces uplinks = {.ipv4 = {"eth0"}, .ipv6 = {"eth0"}};
  Interfaces forwarding;
  PerFamily<bool> everywhere;
  Faults faults;
};

class FakeLedger final : public Ledger {
 public:
  absl::StatusOr<Contents> Load() override {
    if (!damage.ok()) records = {};
    return Contents{records, std::exchange(damage, absl::OkStatus())};
  }

  absl::Status Save(const Endpoint& endpoint) override {
    if (const absl::Status fault = faults.Next("write ledger"); !fault.ok()) return fault;
    records.endpoints.insert_or_assign(endpoint.id, endpoint);
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& id) override {
    if (const absl::Status fault = faults.Next("write ledger"); !fault.ok()) return fault;
    records.endpoints.erase(id);
    return absl::OkStatus();
  }
  absl::Status SaveForwarding(const Interfaces& interfaces) override {
    if (const absl::Status fault = faults.Next("write ledger"); !fault.ok()) return fault;
    records.forwarding = interfaces;
    return absl::OkStatus();
  }

  Records records;
  absl::Status damage;  // what the next Load finds, instead of the records
  Faults faults;
};

// A host to start a Network on.
struct FakeHost {
  FakeLinkHost links;
  FakeFirewall firewall;
  FakeRouter router;
  FakeLedger ledger;
  FakeNames names;

  Network::Host AsHost() {
    return {.links = links, .firewall = firewall, .router = router, .ledger = ledger, .names = names};
  }
};

}  // namespace banger::netd
