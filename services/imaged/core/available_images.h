#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/imaged/core/catalog_entry.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

struct AvailableImage {
  enum class State { kAvailable, kPulled, kUpdate };
  CatalogEntry entry;
  State state = State::kAvailable;
};

struct AvailableImages {
  std::vector<AvailableImage> images;  // sorted by id
  std::vector<std::string> warnings;   // for people: catalogs that could not be read
};

// What a pull has to fetch.
struct PullPlan {
  std::string id;  // of the image; empty: made from the reference
  std::string kernel;
  // Either this, by a bundle, or the reference.
  std::optional<CatalogEntry> bundle;
  std::string oci_reference;
  std::string detail;  // which of them, for people
};

// What the catalogs have, and what of it is here.
absl::StatusOr<AvailableImages> ListAvailable(CatalogSource& catalogs, ImageStore& store,
                                              const std::stop_token& stop);

// `reference` as people write it: the name of a catalog's entry, else an OCI
// reference. `arch` is this host's; another one's entry is refused by its name.
absl::StatusOr<PullPlan> PlanPull(CatalogSource& catalogs, const std::string& reference,
                                  const std::string& arch, const std::stop_token& stop);

}  // namespace banger::imaged
