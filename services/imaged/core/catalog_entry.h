// What catalogs of images say.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace banger::imaged {

// Names either a bundle or an image of a registry.
struct CatalogEntry {
  std::string id;
  std::string distro;
  std::string release;
  std::string arch;
  std::string description;
  std::string bundle_url;
  std::string bundle_sha256;    // of the bundle as it is downloaded, hex
  std::int64_t size_bytes = 0;  // of the same
  std::string oci_reference;
  std::string kernel;   // the id of the kernel it wants; empty: any
  std::string catalog;  // "built-in", or where the catalog is
};

// The catalogs that the host's administrator configured, and the built-in one.
class CatalogSource {
 public:
  virtual ~CatalogSource() = default;
  struct Listing {
    std::vector<CatalogEntry> entries;  // sorted by id, each id once
    std::vector<std::string> warnings;  // what could not be had, for people
  };
  // The best of what can be had; an error is CANCELLED.
  virtual absl::StatusOr<Listing> List(const std::stop_token& stop) = 0;
  // Nothing when no catalog has it; SOURCE_UNREACHABLE when one that may have it
  // cannot be had.
  virtual absl::StatusOr<std::optional<CatalogEntry>> Find(const std::string& id,
                                                           const std::stop_token& stop) = 0;
};

}  // namespace banger::imaged
