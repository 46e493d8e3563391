// Any bytes from a client, and any from an upstream: replies are always such
// that ldns reads them, and never longer than promised.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "services/netd/dns/answer.h"
#include "services/netd/dns/ldns.h"
#include "services/netd/dns/reply.h"
#include "services/netd/dns/responder.h"

namespace {

using namespace banger::netd;  // NOLINT

void MustBeReadable(absl::string_view reply) {
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, reinterpret_cast<const std::uint8_t*>(reply.data()), reply.size()) !=
      LDNS_STATUS_OK)
    std::abort();
  ldns_pkt_free(packet);
}

// "www.example.org A".
const std::string& Question() {
  static const std::string question("\3www\7example\3org\0\0\1\0\1", 21);
  return question;
}

void FromClient(absl::string_view message) {
  static dns::Zone zone(1);
  static const bool published = (zone.Publish("web", Ipv4(0xac1e0002)), true);
  static const dns::Responder responder(*Subnet::Create(Ipv4(0xac1e0001), 24), zone);
  dns::Query query;
  char buffer[dns::kMaxOwnReply];
  std::size_t size = 0;
  const dns::Client client{.address = Ipv4(0xac1e0002), .is_guest = published};
  if (responder.Handle(message, client, &query, buffer, &size) != dns::Verdict::kReply) return;
  if (size > sizeof buffer) std::abort();
  MustBeReadable({buffer, size});
}

void FromUpstream(absl::string_view message) {
  const auto answer = dns::Answer::Parse(message, Question());
  if (answer == nullptr) return;
  dns::Query query;
  dns::Rcode problem;
  // A client's query with EDNS.
  std::string asked("\x12\x34\1\0\0\1\0\0\0\0\0\1", 12);
  asked += Question() + std::string("\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
  if (!dns::ParseQuery(asked, &query, &problem) || problem != dns::kNoError) std::abort();
  for (const std::size_t limit : {std::size_t{512}, dns::kMaxMessageSize}) {
    const std::string reply = answer->Render(query, 30, limit);
    if (reply.size() > limit) std::abort();
    MustBeReadable(reply);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view message(reinterpret_cast<const char*>(data), size);
  FromClient(message);
  FromUpstream(message);
  return 0;
}
