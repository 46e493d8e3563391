// A guest as its network card sees the world: frames on a tap's queue.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/status_macros.h"
#include "services/netd/core/address.h"

namespace banger::netd {

using namespace std::string_literals;

class GuestEnd {
 public:
  GuestEnd(UniqueFd queue, Ipv4 address) : queue_(std::move(queue)), address_(address) {}

  // The MAC that answers for the address.
  absl::StatusOr<std::string> ResolveByArp(const std::string& text) const {
    const Ipv4 target = *Ipv4::Parse(text);
    const std::string request = Ethernet(std::string(6, '\xff'), "\x08\x06"s) +
                                "\x00\x01\x08\x00\x06\x04\x00\x01"s + Bytes(Mac::ForAddress(address_)) +
                                Bytes(address_) + std::string(6, '\0') + Bytes(target);
    // A reply (operation 2) with the target as its sender.
    BANGER_ASSIGN_OR_RETURN(const std::string reply, Ask(request, [&](const std::string& frame) {
                              return frame.substr(12, 2) == "\x08\x06"s &&
                                     frame.substr(20, 2) == "\x00\x02"s &&
                                     frame.substr(28, 4) == Bytes(target);
                            }));
    std::string mac;
    for (const unsigned char byte : reply.substr(22, 6))
      absl::StrAppendFormat(&mac, mac.empty() ? "%02x" : ":%02x", byte);
    return mac;
  }

  // One echo request and its reply.
  absl::Status Ping(const std::string& text, const std::string& mac) const {
    std::string destination;
    for (std::size_t i = 0; i < mac.size(); i += 3)
      destination.push_back(static_cast<char>(std::stoi(mac.substr(i, 2), nullptr, 16)));
    std::string icmp = "\x08\x00\x00\x00\x12\x34\x00\x01"s + "banger!!";
    SetChecksum(icmp, 2);
    std::string ip =
        "\x45\x00\x00\x24\x00\x01\x00\x00\x40\x01\x00\x00"s + Bytes(address_) + Bytes(*Ipv4::Parse(text));
    SetChecksum(ip, 10);
    return Ask(Ethernet(destination, "\x08\x00"s) + ip + icmp,
               [&](const std::string& frame) {
                 return frame.substr(12, 2) == "\x08\x00"s && frame.size() >= 50 && frame[23] == 1 &&
                        frame[34] == 0 && frame.substr(42, 8) == "banger!!";
               })
        .status();
  }

 private:
  static std::string Bytes(Ipv4 address) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(address.bits() >> shift));
    return bytes;
  }
  static std::string Bytes(const Mac& mac) { return std::string(mac.bytes().begin(), mac.bytes().end()); }

  std::string Ethernet(const std::string& destination, const std::string& type) const {
    return destination + Bytes(Mac::ForAddress(address_)) + type;
  }

  static void SetChecksum(std::string& packet, std::size_t at) {
    unsigned sum = 0;
    for (std::size_t i = 0; i < packet.size(); i += 2)
      sum += static_cast<unsigned char>(packet[i]) << 8 | static_cast<unsigned char>(packet[i + 1]);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    packet[at] = static_cast<char>(~sum >> 8);
    packet[at + 1] = static_cast<char>(~sum);
  }

  // The header that IFF_VNET_HDR puts before each frame: nothing left to do.
  static constexpr std::size_t kVnetHeader = 10;

  absl::Status Send(const std::string& frame) const {
    return WriteFully(queue_.get(), std::string(kVnetHeader, '\0') + frame);
  }

  // Asks again until there is an answer, as a guest does: the bridge drops what
  // comes before it has noticed the tap's carrier. Also answers the host's own
  // ARP questions.
  absl::StatusOr<std::string> Ask(const std::string& question,
                                  const std::function<bool(const std::string&)>& wanted) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    BANGER_RETURN_IF_ERROR(Send(question));
    while (std::chrono::steady_clock::now() < deadline) {
      pollfd ready{queue_.get(), POLLIN, 0};
      if (::poll(&ready, 1, 200) <= 0) {
        BANGER_RETURN_IF_ERROR(Send(question));
        continue;
      }
      char buffer[4096];
      const ssize_t n = ::read(queue_.get(), buffer, sizeof buffer);
      if (n < static_cast<ssize_t>(kVnetHeader + 42)) continue;
      const std::string frame(buffer + kVnetHeader, static_cast<std::size_t>(n) - kVnetHeader);
      if (wanted(frame)) return frame;
      const bool asks_for_us = frame.substr(12, 2) == "\x08\x06"s && frame.substr(20, 2) == "\x00\x01"s &&
                               frame.substr(38, 4) == Bytes(address_);
      if (!asks_for_us) continue;
      BANGER_RETURN_IF_ERROR(Send(Ethernet(frame.substr(6, 6), "\x08\x06"s) +
                                  "\x00\x01\x08\x00\x06\x04\x00\x02"s + Bytes(Mac::ForAddress(address_)) +
                                  Bytes(address_) + frame.substr(22, 10)));
    }
    return absl::DeadlineExceededError("no answer on the tap");
  }

  UniqueFd queue_;
  Ipv4 address_;
};

}  // namespace banger::netd
