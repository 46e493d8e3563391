// A name server of the internet's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/sync/mutex.h"
#include "services/netd/testing/dns_messages.h"
#include "services/netd/testing/fake_upstream.h"
#include "services/netd/testing/net_world.h"

namespace banger::netd {

// Serves on a thread of its own, and keeps what it was asked.
class NameServer {
 public:
  // What it answers to "www.example.org. A": records in zone file form, one on
  // each line. To all else that there is no such name.
  using Records = std::map<std::string, std::string>;

  NameServer(const Namespace& where, const dns::SocketAddress& listen, Records records)
      : records_(std::move(records)), loop_(*dns::EventLoop::Create()) {
    where.Run([&] {
      server_.emplace(
          *loop_, [this](const std::string& query, bool) { return Answer(query); }, listen);
    });
    thread_ = std::thread([this] { loop_->Run(); });
  }
  ~NameServer() {
    loop_->Stop();
    thread_.join();
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  std::vector<std::string> asked() const {
    const MutexLock lock(mutex_);
    return asked_;
  }

 private:
  std::vector<std::string> Answer(const std::string& query) {
    const LdnsPacket packet = ParseMessage(query);
    if (packet == nullptr) return {};
    const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(packet.get()), 0);
    char* const name = ldns_rdf2str(ldns_rr_owner(question));
    char* const type = ldns_rr_type2str(ldns_rr_get_type(question));
    const std::string key = absl::AsciiStrToLower(name) + " " + type;
    std::free(name);
    std::free(type);
    {
      const MutexLock lock(mutex_);
      asked_.push_back(key);
    }
    const auto found = records_.find(key);
    if (found == records_.end()) return {MakeAnswer(query, "", LDNS_RCODE_NXDOMAIN)};
    return {MakeAnswer(query, found->second)};
  }

  const Records records_;
  const std::unique_ptr<dns::EventLoop> loop_;
  std::optional<FakeUpstream> server_;
  std::thread thread_;
  mutable Mutex mutex_;
  std::vector<std::string> asked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::netd
