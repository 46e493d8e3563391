#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger {

// Gathers a tar's small pieces (headers, small files) into chunks worth a message;
// large ones pass as they are. Not thread-safe.
class Chunks {
 public:
  static constexpr std::size_t kChunk = 256 << 10;
  // Gets at most kChunk bytes at a time.
  using Sink = std::function<absl::Status(absl::string_view)>;

  explicit Chunks(Sink sink) : sink_(std::move(sink)) {}

  absl::Status Add(absl::string_view bytes) {
    while (!bytes.empty()) {
      if (gathered_.empty() && bytes.size() >= kChunk) {
        if (absl::Status sent = sink_(bytes.substr(0, kChunk)); !sent.ok()) return sent;
        bytes.remove_prefix(kChunk);
        continue;
      }
      const absl::string_view piece = bytes.substr(0, kChunk - gathered_.size());
      gathered_.append(piece.data(), piece.size());
      bytes.remove_prefix(piece.size());
      if (gathered_.size() == kChunk) {
        if (absl::Status sent = Flush(); !sent.ok()) return sent;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Flush() {
    if (gathered_.empty()) return absl::OkStatus();
    absl::Status sent = sink_(gathered_);
    gathered_.clear();
    return sent;
  }

 private:
  const Sink sink_;
  std::string gathered_;
};

}  // namespace banger
