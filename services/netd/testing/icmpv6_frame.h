// ICMPv6 messages as they are on the wire, right in all but what a test makes wrong.
#pragma once

#include <string>

#include "services/netd/core/address.h"

namespace banger::netd {

inline std::string BytesOf(const Mac& mac) { return std::string(mac.bytes().begin(), mac.bytes().end()); }
inline std::string BytesOf(const IpAddress& address) {
  return std::string(address.bytes().begin(), address.bytes().end());
}

// Of group addresses: 33:33 and their last four bytes.
inline std::string MacOfGroup(const IpAddress& group) { return "\x33\x33" + BytesOf(group).substr(12); }

// In the header of neighbour discovery's messages.
enum class Icmpv6 : char {
  kRouterAdvert = '\x86',
  kNeighbourSolicit = '\x87',
  kNeighbourAdvert = '\x88',
  kRedirect = '\x89',
  kMldQuery = '\x82'
};

// Type, code and checksum, which Icmpv6Frame fills in, and what comes then.
inline std::string Icmpv6Message(Icmpv6 type, const std::string& rest) {
  return std::string(1, static_cast<char>(type)) + std::string(3, '\0') + rest;
}

// Of one option that says a MAC: 1 is the sender's, 2 the target's.
inline std::string MacOption(char kind, const std::string& mac) { return std::string(1, kind) + '\1' + mac; }

struct Icmpv6Packet {
  std::string from_mac;
  std::string to_mac;
  IpAddress from;
  IpAddress to;
  std::string message;
};

inline std::string Icmpv6Frame(const Icmpv6Packet& packet) {
  std::string message = packet.message;
  const std::string addresses = BytesOf(packet.from) + BytesOf(packet.to);
  const std::string size = {static_cast<char>(message.size() >> 8), static_cast<char>(message.size())};
  std::string summed = addresses + std::string(2, '\0') + size + std::string(3, '\0') + '\x3a' + message;
  if (summed.size() % 2 != 0) summed += '\0';
  unsigned sum = 0;
  for (std::size_t i = 0; i < summed.size(); i += 2)
    sum += static_cast<unsigned char>(summed[i]) << 8 | static_cast<unsigned char>(summed[i + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  message[2] = static_cast<char>(~sum >> 8);
  message[3] = static_cast<char>(~sum);
  const std::string header = std::string("\x60\0\0\0", 4) + size + "\x3a\xff";
  return packet.to_mac + packet.from_mac + "\x86\xdd" + header + addresses + message;
}

}  // namespace banger::netd
