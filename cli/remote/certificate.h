#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/remote/contexts.h"

namespace banger::cli {

// The files of a context, as PEM texts.
struct ClientFiles {
  std::string ca;
  std::string cert;
  std::string key;
};

// Reads them. FAILED_PRECONDITION naming the file that is no certificate or key, does
// not belong to the other, or is out of its time.
absl::StatusOr<ClientFiles> ReadClientFiles(const RemoteContext& context);

// Of a certificate in a file.
absl::StatusOr<std::chrono::system_clock::time_point> ExpiryOf(const std::string& file);

}  // namespace banger::cli
