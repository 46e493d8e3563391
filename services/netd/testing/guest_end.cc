#include "services/netd/testing/guest_end.h"

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "absl/strings/str_format.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

using namespace std::string_literals;

// Types of Ethernet frames.
const std::string kArp = "\x08\x06"s;
const std::string kIpv4 = "\x08\x00"s;
constexpr char kPayload[] = "banger!!";
// The header that IFF_VNET_HDR puts before each frame; all zero: nothing left to do.
constexpr std::size_t kVnetHeader = 10;
constexpr std::size_t kArpFrame = 42;

std::string Bytes(Ipv4 address) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(address.bits() >> shift));
  return bytes;
}

std::string Bytes(const Mac& mac) { return std::string(mac.bytes().begin(), mac.bytes().end()); }

// `operation` is 1 for a question and 2 for an answer.
std::string Arp(char operation, const std::string& sender_mac, Ipv4 sender, const std::string& target) {
  return "\x00\x01\x08\x00\x06\x04\x00"s + operation + sender_mac + Bytes(sender) + target;
}

bool IsArp(const std::string& frame, char operation) {
  return frame.substr(12, 2) == kArp && frame[21] == operation;
}

void SetChecksum(std::string& packet, std::size_t at) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < packet.size(); i += 2)
    sum += static_cast<unsigned char>(packet[i]) << 8 | static_cast<unsigned char>(packet[i + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  packet[at] = static_cast<char>(~sum >> 8);
  packet[at + 1] = static_cast<char>(~sum);
}

}  // namespace

absl::StatusOr<std::string> GuestEnd::ResolveByArp(const std::string& address) const {
  const std::string target = Bytes(*Ipv4::Parse(address));
  const std::string question =
      Ethernet(std::string(6, '\xff'), kArp) +
      Arp(1, Bytes(Mac::ForAddress(address_)), address_, std::string(6, '\0') + target);
  BANGER_ASSIGN_OR_RETURN(const std::string answer, Ask(question, [&](const std::string& frame) {
                            return IsArp(frame, 2) && frame.substr(28, 4) == target;
                          }));
  std::string mac;
  for (const unsigned char byte : answer.substr(22, 6))
    absl::StrAppendFormat(&mac, "%s%02x", mac.empty() ? "" : ":", byte);
  return mac;
}

absl::Status GuestEnd::Ping(const std::string& address, const std::string& mac) const {
  std::string destination;
  for (std::size_t i = 0; i < mac.size(); i += 3)
    destination.push_back(static_cast<char>(std::stoi(mac.substr(i, 2), nullptr, 16)));
  std::string icmp = "\x08\x00\x00\x00\x12\x34\x00\x01"s + kPayload;
  SetChecksum(icmp, 2);
  std::string ip =
      "\x45\x00\x00\x24\x00\x01\x00\x00\x40\x01\x00\x00"s + Bytes(address_) + Bytes(*Ipv4::Parse(address));
  SetChecksum(ip, 10);
  return Ask(Ethernet(destination, kIpv4) + ip + icmp,
             [](const std::string& frame) {
               const bool is_icmp = frame.substr(12, 2) == kIpv4 && frame[23] == 1;
               return is_icmp && frame[34] == 0 && frame.substr(42, 8) == kPayload;
             })
      .status();
}

std::string GuestEnd::Ethernet(const std::string& destination, const std::string& type) const {
  return destination + Bytes(Mac::ForAddress(address_)) + type;
}

absl::Status GuestEnd::Send(const std::string& frame) const {
  return WriteFully(queue_.get(), std::string(kVnetHeader, '\0') + frame);
}

absl::StatusOr<std::string> GuestEnd::Ask(const std::string& question,
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
    if (n < static_cast<ssize_t>(kVnetHeader + kArpFrame)) continue;
    const std::string frame(buffer + kVnetHeader, static_cast<std::size_t>(n) - kVnetHeader);
    if (wanted(frame)) return frame;
    BANGER_RETURN_IF_ERROR(AnswerArp(frame));
  }
  return absl::DeadlineExceededError("no answer on the tap");
}

absl::Status GuestEnd::AnswerArp(const std::string& frame) const {
  if (!IsArp(frame, 1) || frame.substr(38, 4) != Bytes(address_)) return absl::OkStatus();
  return Send(Ethernet(frame.substr(6, 6), kArp) +
              Arp(2, Bytes(Mac::ForAddress(address_)), address_, frame.substr(22, 10)));
}

}  // namespace banger::netd
