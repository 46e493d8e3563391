#pragma once

#include <curl/curl.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/vmd/adapters/firecracker_requests.h"

namespace banger::vmd {

// Firecracker's REST API over its Unix socket. The peer runs a hostile guest:
// answers are bounded and every call has a deadline. For one thread.
class FirecrackerApi {
 public:
  explicit FirecrackerApi(const std::filesystem::path& socket);

  // DEADLINE_EXCEEDED, UNAVAILABLE when it is gone, CANCELLED when stopped, INTERNAL
  // with Firecracker's words when it refuses.
  absl::Status Send(const FirecrackerRequest& request, std::chrono::milliseconds timeout,
                    const std::stop_token& stop);

  // The running Firecracker's: "1.14.4".
  absl::StatusOr<std::string> Version(std::chrono::milliseconds timeout, const std::stop_token& stop);

 private:
  // The answer's body.
  absl::StatusOr<std::string> Exchange(const FirecrackerRequest& request, std::chrono::milliseconds timeout,
                                       const std::stop_token& stop);

  struct FreeEasy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  const std::filesystem::path socket_;
  const std::unique_ptr<CURL, FreeEasy> easy_;  // keeps the connection
};

}  // namespace banger::vmd
