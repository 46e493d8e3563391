// dns_bench_server PORT NAMES: netd's DNS server on a loopback port, with the
// names of a hosts file ("ADDRESS NAME.vm"), until its input ends.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/netd/dns/server.h"

using namespace banger::netd;  // NOLINT

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: %s PORT NAMES\n", argv[0]), 2;
  const Subnet subnet = *Subnet::Create(*Ipv4::Parse("172.30.0.1"), 16);
  dns::Zone zone(1);
  std::ifstream names(argv[2]);
  for (std::string address, name; names >> address >> name;)
    zone.Publish(std::string(absl::StripSuffix(name, ".vm")), *Ipv4::Parse(address));
  auto sockets = dns::BindDnsSockets(absl::StrCat("127.0.0.1:", argv[1]), Ipv4());
  if (!sockets.ok() || !sockets->host.valid()) return std::fprintf(stderr, "cannot listen\n"), 1;
  sockets->guests = {};
  const auto server = dns::DnsServer::Start({.subnet = subnet, .bridge = "none"}, *std::move(sockets), zone);
  if (!server.ok()) return std::fprintf(stderr, "cannot start\n"), 1;
  for (char byte; ::read(STDIN_FILENO, &byte, 1) > 0;) {
  }
  return 0;
}
