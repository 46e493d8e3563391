#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/kerneld/adapters/signed_catalog.h"
#include "services/kerneld/core/ports.h"

namespace banger::kerneld {

// The built-in catalog and the configured ones, in that order: where two have an
// entry of the same name, the earlier one's counts, so that no other catalog can
// put itself in the place of what was there. Thread-safe.
class CatalogSet final : public CatalogSource {
 public:
  CatalogSet(Catalog built_in, std::vector<std::unique_ptr<SignedCatalog>> further)
      : built_in_(std::move(built_in)), further_(std::move(further)) {}

  absl::StatusOr<Listing> List(const std::stop_token& stop) override;
  // Asks no further catalog than it takes.
  absl::StatusOr<CatalogEntry> Find(const std::string& id, const std::stop_token& stop) override;

 private:
  const Catalog built_in_;
  const std::vector<std::unique_ptr<SignedCatalog>> further_;
};

}  // namespace banger::kerneld
