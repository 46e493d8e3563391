#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/catalog/catalog_set.h"
#include "services/imaged/core/catalog_entry.h"

namespace banger::imaged {

// The built-in catalog and the configured ones. Thread-safe.
class CatalogSet final : public CatalogSource {
 public:
  using Entries = catalog::CatalogSet<CatalogEntry>;

  explicit CatalogSet(std::unique_ptr<Entries> entries) : entries_(std::move(entries)) {}

  absl::StatusOr<Listing> List(const std::stop_token& stop) override;
  absl::StatusOr<std::optional<CatalogEntry>> Find(const std::string& id,
                                                   const std::stop_token& stop) override;

 private:
  const std::unique_ptr<Entries> entries_;
};

}  // namespace banger::imaged
