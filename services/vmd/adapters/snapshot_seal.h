// The seal of a snapshot: what it is, and the digest of each of its files. A text: one
// line of JSON, and one with the SHA-256 of the first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/vmd/core/snapshot.h"

namespace banger::vmd {

struct SealedFile {
  std::int64_t size_bytes = 0;
  std::string digest;  // SparseSha256OfFile

  bool operator==(const SealedFile&) const = default;
};

// By name, in the snapshot's directory.
using SealedFiles = std::map<std::string, SealedFile>;

struct Seal {
  Snapshot snapshot;  // without vm and used_bytes
  SealedFiles files;
};

std::string EncodeSeal(const Seal& seal);
// DATA_LOSS with what is wrong.
absl::StatusOr<Seal> DecodeSeal(const std::string& text);

// Of all files of a directory; they are read at once.
absl::StatusOr<SealedFiles> DigestFiles(const std::filesystem::path& directory, const std::stop_token& stop);

// DATA_LOSS with what differs: "'memory' has 7 bytes, not 4096".
absl::Status CheckFiles(const std::filesystem::path& directory, const SealedFiles& sealed,
                        const std::stop_token& stop);

}  // namespace banger::vmd
