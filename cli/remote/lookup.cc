#include "cli/remote/lookup.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "absl/status/status.h"

namespace banger::cli {
namespace {

struct Search {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool done = false;
  int error = 0;
  Addresses found;
};

void Run(Search& search, const HostAndPort& at) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(at.host.c_str(), at.port.c_str(), &hints, &found);
  const std::lock_guard lock(search.mutex);
  search.found.reset(found);
  search.error = error;
  search.done = true;
  search.changed.notify_all();
}

}  // namespace

absl::StatusOr<Addresses> LookUp(const HostAndPort& at, std::chrono::steady_clock::time_point deadline,
                                 const std::stop_token& stop) {
  const auto search = std::make_shared<Search>();
  std::thread([search, at] { Run(*search, at); }).detach();
  std::unique_lock lock(search->mutex);
  search->changed.wait_until(lock, stop, deadline, [&search] { return search->done; });
  if (stop.stop_requested()) return absl::CancelledError("stopped");
  if (!search->done) return absl::UnavailableError("nobody answers for its name");
  if (search->error != 0) return absl::UnavailableError(::gai_strerror(search->error));
  return std::move(search->found);
}

}  // namespace banger::cli
