// A host with netd and guests, an uplink to an internet, a second uplink, and a
// network of another tool's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/testing/eventually.h"
#include "services/netd/testing/conversations.h"
#include "services/netd/testing/daemon_fixture.h"
#include "services/netd/testing/net_world.h"

namespace banger::netd {

inline constexpr char kGateway[] = "172.30.0.1";
inline constexpr char kPrefix6[] = "fd00:1:2::/64";
inline constexpr char kGateway6[] = "fd00:1:2::ac1e:1";
inline constexpr char kWeb6[] = "2001:db8:2::10";
inline constexpr char kIntranet6[] = "fd99::5";
inline constexpr char kMetadata6[] = "fd00:ec2::254";
inline constexpr char kContainer6[] = "fd50::2";
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
  // Host, guests and all around them.
  virtual bool has_ipv6() const { return false; }

  std::string Config() override {
    return has_ipv6() ? absl::StrCat("[network]\nipv6 = true\nipv6_prefix = \"", kPrefix6, "\"\n") : "";
  }

  void PrepareHost() override {
    if (has_ipv6())
      SkipDuplicateDetection();
    else
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
    if (has_ipv6()) AddIpv6();
    Serve(*host_, ports_on_host_);
    for (const Namespace* where : {&*internet_, &*container_}) Serve(*where);
    // Neighbours that have yet to be found would cost the first contact its patience.
    EXPECT_TRUE(Eventually([&] { return Reaches("host", "web"); }));
    if (has_ipv6()) {
      EXPECT_TRUE(Eventually([&] { return Reaches("host", "web", Protocol::kTcp, Family::kIpv6); }));
    }
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

  void AddIpv6() {
    for (const Namespace* where : {&*internet_, &*container_}) where->Run(SkipDuplicateDetection);
    for (const char* address :
         {"2001:db8:51::2/64 dev up0", "2001:db8:52::2/64 dev up1", "fd50::1/64 dev other0"})
      Ip(absl::StrCat("addr add ", address, " nodad"));
    Ip("route add default via 2001:db8:51::1");
    internet_->Ip("addr add 2001:db8:51::1/64 dev host0 nodad");
    internet_->Ip("addr add 2001:db8:52::1/64 dev host1 nodad");
    for (const char* address : {kWeb6, kIntranet6, kMetadata6})
      internet_->Ip(absl::StrCat("addr add ", address, "/128 dev lo"));
    internet_->Ip(absl::StrCat("route add ", kPrefix6, " via 2001:db8:51::2"));
    container_->Ip("addr add fd50::2/64 dev eth0 nodad");
    container_->Ip("route add default via fd50::1");
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
    Subnet subnet = *Subnet::Create(*Ipv4::Parse(kGateway), 24);
    if (has_ipv6()) subnet = *subnet.WithIpv6(*Prefix::Parse(kPrefix6));
    auto guest = GuestMachine::Boot(*std::move(queue), endpoint->address(), endpoint->mac(), subnet);
    EXPECT_OK(guest);
    Serve((*guest)->inside());
    guests_[id] = *std::move(guest);
    // The bridge passes nothing before it has noticed the tap's carrier.
    EXPECT_TRUE(Eventually([&] { return Pings(guests_[id]->inside(), kGateway); })) << id;
    if (!endpoint->ipv6_address().empty()) {
      EXPECT_TRUE(Eventually([&] { return Pings(guests_[id]->inside(), kGateway6); })) << id;
    }
    return *guests_[id];
  }

  const Namespace& Where(const std::string& name) {
    if (name == "host") return *host_;
    if (name == "internet") return *internet_;
    if (name == "container") return *container_;
    return guests_.at(name)->inside();
  }

  std::string AddressOf(const std::string& name, Family family = Family::kIpv4) {
    static const std::map<std::string, std::string> fixed = {
        {"host", kGateway},      {"dns", kGateway},       {"uplink", "198.51.100.2"}, {"web", kWeb},
        {"intranet", kIntranet}, {"metadata", kMetadata}, {"container", kContainer}};
    static const std::map<std::string, std::string> fixed6 = {
        {"host", kGateway6},      {"dns", kGateway6},       {"uplink", "2001:db8:51::2"}, {"web", kWeb6},
        {"intranet", kIntranet6}, {"metadata", kMetadata6}, {"container", kContainer6}};
    const auto& addresses = family == Family::kIpv4 ? fixed : fixed6;
    const auto found = addresses.find(name);
    if (found != addresses.end()) return found->second;
    const std::string address = guests_.at(name)->address();
    if (family == Family::kIpv4) return address;
    const Subnet subnet = *Subnet::Create(*Ipv4::Parse(kGateway), 24)->WithIpv6(*Prefix::Parse(kPrefix6));
    return subnet.AddressOf(*Ipv4::Parse(address), Family::kIpv6).ToString();
  }

  bool Reaches(const std::string& from, const std::string& to, Protocol protocol = Protocol::kTcp,
               Family family = Family::kIpv4) {
    const int port = to == "dns" ? kDnsPort : kPort;
    return WhoAmI(Where(from), AddressOf(to, family), port, protocol).ok();
  }

  // When all guests and netd have gone.
  void ExpectHostAsBefore() {
    for (const auto& [id, guest] : guests_) ASSERT_OK(Client().Delete(id));
    guests_.clear();
    EXPECT_EQ(End(SIGTERM).code, 0);
    EXPECT_EQ(HostNetwork(), before_);
  }

  // Each cell of a table, "yes" where a connection comes about and "." where nobody
  // asks. How many there are.
  int ExpectMatrix(const std::string& matrix, Family family) {
    const std::vector<std::string> lines = absl::StrSplit(matrix, '\n', absl::SkipEmpty());
    const std::vector<std::string> to = absl::StrSplit(lines[0], ' ', absl::SkipEmpty());
    int cells = 0;
    for (std::size_t row = 1; row < lines.size(); ++row) {
      const std::vector<std::string> cell = absl::StrSplit(lines[row], ' ', absl::SkipEmpty());
      EXPECT_EQ(cell.size(), to.size());
      for (std::size_t column = 1; column < cell.size(); ++column) {
        if (cell[column] == ".") continue;
        ++cells;
        for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp})
          EXPECT_EQ(Reaches(cell[0], to[column], protocol, family), cell[column] == "yes")
              << cell[0] << " to " << to[column] << (protocol == Protocol::kTcp ? " by TCP" : " by UDP");
      }
    }
    return cells;
  }

  // Five guests: plain allows nothing, nat may go everywhere, some to `some` only,
  // none nowhere in spite of NAT, friend has plain as its peer.
  void BootFive(const std::string& some) {
    Boot("plain");
    Boot("nat", Nat());
    Boot("some", Listed({some}));
    v1::EndpointPolicy none = Nat();
    none.mutable_egress()->set_mode(egress::v1::Egress::MODE_NONE);
    Boot("none", none);
    v1::EndpointPolicy friendly;
    friendly.add_peer_ids("plain");
    Boot("friend", friendly);
  }

  // With one in the place of netd's DNS, as that answers no WhoAmI.
  std::vector<int> ports_on_host_ = {kPort, kDnsPort};
  std::optional<Namespace> host_, internet_, container_;
  std::map<std::string, std::unique_ptr<GuestMachine>> guests_;
  std::vector<std::unique_ptr<WhoAmIServer>> servers_;
};

}  // namespace banger::netd
