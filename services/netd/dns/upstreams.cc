#include "services/netd/dns/upstreams.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/log/log.h"

namespace banger::netd::dns {
namespace {

constexpr std::size_t kMaxUpstreams = 3;  // as in the C library
constexpr std::chrono::seconds kLookEvery{1};

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

std::vector<SocketAddress> ParseResolvConf(absl::string_view text) {
  std::vector<SocketAddress> servers;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.size() < 2 || words[0] != "nameserver") continue;
    const absl::StatusOr<SocketAddress> server = SocketAddress::Parse(words[1], kDnsPort);
    if (server.ok()) servers.push_back(*server);
  }
  return servers;
}

Upstreams::Upstreams(Options options) : options_(std::move(options)) {
  if (options_.configured.empty())
    ReadAgain();
  else
    Use(options_.configured);
}

const std::vector<SocketAddress>& Upstreams::Current() {
  if (!options_.configured.empty() || std::chrono::steady_clock::now() < next_look_) return current_;
  next_look_ = std::chrono::steady_clock::now() + kLookEvery;
  struct stat found {};
  const bool is_there = ::stat(options_.resolv_conf.c_str(), &found) == 0;
  if (is_there != seen_.has_value() || (is_there && !SameFile(found, *seen_))) ReadAgain();
  return current_;
}

void Upstreams::ReadAgain() {
  struct stat found {};
  seen_.reset();
  if (::stat(options_.resolv_conf.c_str(), &found) == 0) seen_ = found;
  const absl::StatusOr<std::string> text = options_.read_resolv_conf();
  Use(text.ok() ? ParseResolvConf(*text) : std::vector<SocketAddress>());
}

void Upstreams::Use(std::vector<SocketAddress> servers) {
  const auto is_ours = [this](const SocketAddress& server) {
    return std::find(options_.ours.begin(), options_.ours.end(), server) != options_.ours.end();
  };
  servers.erase(std::remove_if(servers.begin(), servers.end(), is_ours), servers.end());
  if (servers.size() > kMaxUpstreams) servers.erase(servers.begin() + kMaxUpstreams, servers.end());
  if (servers.empty())
    log::Warn("guests resolve no names but .vm: the host has no other name server",
              {{"file", options_.resolv_conf.string()}});
  current_ = std::move(servers);
}

void Upstreams::NoteFailure(const SocketAddress& upstream) {
  if (!current_.empty() && current_.front() == upstream)
    std::rotate(current_.begin(), current_.begin() + 1, current_.end());
}

}  // namespace banger::netd::dns
