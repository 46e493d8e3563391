// A host with netd and guests, an uplink to an internet, a second uplink, and a
// network of another tool's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/testing/eventually.h"
#include "services/netd/testing/daemon_fixture.h"
#include "services/netd/testing/net_world.h"

namespace banger::netd {

inline constexpr char kGateway[] = "172.30.0.1";
inline constexpr char kWeb[] = "192.0.2.10";
inline constexpr char kIntranet[] = "10.99.0.5";
inline constexpr char kMetadata[] = "169.254.169.254";
inline constexpr char kContainer[] = "10.50.0.2";
inline constexpr int kPort = 8080;
inline constexpr int kDnsPort = 53;

inline v1::EndpointPolicy Nat() {
  v1::EndpointPolicy policy;
  policy.set_nat(true);
  return policy;
}

inline v1::EndpointPolicy Listed(const std::vector<std::string>& networks) {
  v1::EndpointPolicy policy = Nat();
  policy.mutable_egress()->set_mode(egress::v1::Egress::MODE_LISTED);
  for (const std::string& network : networks) policy.mutable_egress()->add_networks(network);
  return policy;
}

class WorldFixture : public DaemonFixture {
 protected:
  void PrepareHost() override {
    DisableIpv6();
    ASSERT_OK_AND_ASSIGN(Namespace host, Namespace::Current());
    host_.emplace(std::move(host));
    ASSERT_OK_AND_ASSIGN(Namespace internet, Namespace::Create());
    internet_.emplace(std::move(internet));
    ASSERT_OK_AND_ASSIGN(Namespace container, Namespace::Create());
    container_.emplace(std::move(container));
    Ip("link set lo up");
    Connect("up0", "198.51.100.2/24", *internet_, "host0", "198.51.100.1/24");
    Connect("up1", "198.51.101.2/24", *internet_, "host1", "198.51.101.1/24");
    Connect("other0", "10.50.0.1/24", *container_, "eth0", "10.50.0.2/24");
    Ip("route add default via 198.51.100.1");
    for (const char* address : {kWeb, kIntranet, kMetadata})
      internet_->Ip(absl::StrCat("addr add ", address, "/32 dev lo"));
    // Both would reach guests if the host let them.
    internet_->Ip("route add 172.30.0.0/24 via 198.51.100.2");
    container_->Ip("route add default via 10.50.0.1");
    Serve(*host_, ports_on_host_);
    for (const Namespace* where : {&*internet_, &*container_}) Serve(*where);
  }

  void Connect(const std::string& here, const std::string& address, const Namespace& there,
               const std::string& name, const std::string& peer_address) {
    Ip(absl::StrCat("link add ", here, " type veth peer name ", name));
    Ip(absl::StrCat("link set ", name, " netns ", there.path()));
    Ip(absl::StrCat("addr add ", address, " dev ", here));
    Ip(absl::StrCat("link set ", here, " up"));
    there.Ip(absl::StrCat("addr add ", peer_address, " dev ", name));
    there.Ip(absl::StrCat("link set ", name, " up"));
  }

  void Serve(const Namespace& where, const std::vector<int>& ports = {kPort, kDnsPort}) {
    for (const int port : ports) servers_.push_back(std::make_unique<WhoAmIServer>(where, port));
  }

  GuestMachine& Boot(const std::string& id, const v1::EndpointPolicy& policy = {}) {
    NetdClient client = Client();
    const absl::StatusOr<v1::Endpoint> endpoint = client.Create(id);
    EXPECT_OK(endpoint);
    EXPECT_OK(client.SetPolicy(id, policy));
    EXPECT_OK(client.Attach(id));
    absl::StatusOr<UniqueFd> queue = client.OpenDescriptor(id);
    EXPECT_OK(queue);
    auto guest = GuestMachine::Boot(*std::move(queue), endpoint->address(), endpoint->mac(),
                                    *Subnet::Create(*Ipv4::Parse(kGateway), 24));
    EXPECT_OK(guest);
    Serve((*guest)->inside());
    guests_[id] = *std::move(guest);
    // The bridge passes nothing before it has noticed the tap's carrier.
    EXPECT_TRUE(Eventually([&] { return Pings(guests_[id]->inside(), kGateway); })) << id;
    return *guests_[id];
  }

  const Namespace& Where(const std::string& name) {
    if (name == "host") return *host_;
    if (name == "internet") return *internet_;
    if (name == "container") return *container_;
    return guests_.at(name)->inside();
  }

  std::string AddressOf(const std::string& name) {
    static const std::map<std::string, std::string> fixed = {
        {"host", kGateway},      {"dns", kGateway},       {"uplink", "198.51.100.2"}, {"web", kWeb},
        {"intranet", kIntranet}, {"metadata", kMetadata}, {"container", kContainer}};
    const auto found = fixed.find(name);
    return found != fixed.end() ? found->second : guests_.at(name)->address();
  }

  bool Reaches(const std::string& from, const std::string& to, Protocol protocol = Protocol::kTcp) {
    const int port = to == "dns" ? kDnsPort : kPort;
    return WhoAmI(Where(from), AddressOf(to), port, protocol).ok();
  }

  // With one in the place of netd's DNS, as that answers no WhoAmI.
  std::vector<int> ports_on_host_ = {kPort, kDnsPort};
  std::optional<Namespace> host_, internet_, container_;
  std::map<std::string, std::unique_ptr<GuestMachine>> guests_;
  std::vector<std::unique_ptr<WhoAmIServer>> servers_;
};

}  // namespace banger::netd
