// A forwarder between questions and upstreams on real loopback sockets.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/testing/status_matchers.h"
#include "services/netd/dns/forwarder.h"
#include "services/netd/testing/dns_messages.h"
#include "services/netd/testing/fake_upstream.h"

namespace banger::netd::dns {

inline constexpr char kRecord[] = "www.example.org. 60 IN A 192.0.2.7";
inline constexpr char kText[] = "www.example.org. 60 IN A 192.0.2.7\n";

using Answers = std::vector<std::string>;

inline Answers Honest(const std::string& query, bool) { return {MakeAnswer(query, kRecord)}; }
inline Answers Silent(const std::string&, bool) { return {}; }

class ForwarderTest : public ::testing::Test {
 protected:
  struct Outcome {
    ldns_pkt_rcode rcode = LDNS_RCODE_REFUSED;
    std::string answer;
    bool cut = false;
  };

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(loop_, EventLoop::Create());
    limits_.exchange = {.patience = std::chrono::milliseconds(60), .total = std::chrono::seconds(2)};
  }

  FakeUpstream& AddUpstream(FakeUpstream::Answers answers) {
    servers_.push_back(std::make_unique<FakeUpstream>(*loop_, std::move(answers)));
    return *servers_.back();
  }

  void Start() {
    Upstreams::Options options{.resolv_conf = "/nonexistent",
                               .read_resolv_conf = [] { return std::string(); }};
    for (const auto& server : servers_) options.configured.push_back(server->address());
    upstreams_ = std::make_unique<Upstreams>(std::move(options));
    forwarder_ = std::make_unique<Forwarder>(*loop_, *upstreams_, policy_, limits_);
  }

  void Ask(const std::string& name, ldns_rr_type type = LDNS_RR_TYPE_A, std::uint32_t client = 2,
           std::size_t limit = 1232) {
    const std::string message = MakeQuery(name, type, 1232);
    Query query;
    Rcode problem;
    ASSERT_TRUE(ParseQuery(message, &query, &problem));
    ++awaited_;
    forwarder_->Ask(query, Ipv4(0xac1e0000 + client), limit, [this](absl::string_view reply) {
      const LdnsPacket packet = ParseMessage(reply);
      ASSERT_NE(packet, nullptr);
      outcomes_.push_back({ldns_pkt_get_rcode(packet.get()), SectionText(ldns_pkt_answer(packet.get())),
                           ldns_pkt_tc(packet.get())});
      if (--awaited_ == 0) loop_->Stop();
    });
  }
  // Asks once, and waits for the answer.
  Outcome AskAndWait(const std::string& name = "www.example.org.", std::size_t limit = 1232) {
    if (forwarder_ == nullptr) Start();
    Ask(name, LDNS_RR_TYPE_A, 2, limit);
    return Wait();
  }
  Outcome Wait() {
    loop_->Run();
    return outcomes_.back();
  }

  std::unique_ptr<EventLoop> loop_;
  std::vector<std::unique_ptr<FakeUpstream>> servers_;
  ResolverPolicy* policy_ = nullptr;
  Forwarder::Limits limits_;
  std::unique_ptr<Upstreams> upstreams_;
  std::unique_ptr<Forwarder> forwarder_;
  std::vector<Outcome> outcomes_;
  int awaited_ = 0;
};

}  // namespace banger::netd::dns
