// What a pull is asked for and where it may come from.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/sync/progress.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// How a caller logs in to a registry; never logged, never stored.
struct RegistryLogin {
  std::string username;
  std::string password;
  std::string identity_token;

  friend bool operator==(const RegistryLogin&, const RegistryLogin&) = default;
};

struct PullSpec {
  std::string reference;  // as the caller says it
  std::string id;         // of the image that it becomes
  std::string kernel;     // an id; empty: the source's, else each VM's start chooses
  std::int64_t size_bytes = 0;
  std::string platform;  // empty: this host's
  RegistryLogin login;
  bool insecure = false;
};

// An image elsewhere, as it is now.
struct RemoteImage {
  std::string reference;  // in full
  std::string digest;
  std::string kernel;  // an id that it wants; may be empty
  // Fetches and makes it, when it is used.
  std::unique_ptr<RootfsBuilder> builder;
};

// Finds images elsewhere. Thread-safe.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  // `progress` hears of the search, where that leads, and, as long as the builder lives, of its work;
  // `stop` ends both.
  virtual absl::StatusOr<RemoteImage> Find(const PullSpec& spec, const ProgressFn& progress,
                                           const std::stop_token& stop) = 0;
};

}  // namespace banger::imaged
