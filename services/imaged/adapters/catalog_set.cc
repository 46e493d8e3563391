#include "services/imaged/adapters/catalog_set.h"

#include "common/status/source_unreachable.h"
#include "common/status/status_macros.h"

namespace banger::imaged {

absl::StatusOr<CatalogSource::Listing> CatalogSet::List(const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(Entries::Listing listing, entries_->List(stop));
  return Listing{.entries = std::move(listing.entries), .warnings = std::move(listing.warnings)};
}

absl::StatusOr<std::optional<CatalogEntry>> CatalogSet::Find(const std::string& id,
                                                             const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(Entries::Found found, entries_->Find(id, stop));
  if (!found.entry.has_value() && !found.unreachable.empty())
    return SourceUnreachable(found.unreachable, found.why);
  return std::move(found.entry);
}

}  // namespace banger::imaged
