#include "services/kerneld/adapters/catalog_set.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace {

std::string Trouble(const SignedCatalog& catalog, const absl::Status& why, absl::string_view effect) {
  std::string text = absl::StrCat("kernel catalog ", catalog.url(), ": ", why.message(), effect);
  log::Warn("kernel catalog not read", {{"catalog", catalog.url()}, {"why", std::string(why.message())}});
  return text;
}

std::optional<CatalogEntry> FindIn(const Catalog& catalog, const std::string& id) {
  const auto found = std::find_if(catalog.entries.begin(), catalog.entries.end(),
                                  [&id](const CatalogEntry& entry) { return entry.id == id; });
  if (found == catalog.entries.end()) return std::nullopt;
  return *found;
}

}  // namespace

absl::StatusOr<CatalogSource::Listing> CatalogSet::List(const std::stop_token& stop) {
  std::map<std::string, CatalogEntry> merged;
  // Does nothing where the name is taken.
  for (const CatalogEntry& entry : built_in_.entries) merged.emplace(entry.id, entry);
  Listing listing;
  for (const auto& catalog : further_) {
    absl::StatusOr<SignedCatalog::Loaded> loaded = catalog->Load(stop);
    if (absl::IsCancelled(loaded.status())) return loaded.status();
    if (!loaded.ok()) {
      listing.warnings.push_back(Trouble(*catalog, loaded.status(), ""));
      continue;
    }
    if (!loaded->stale.ok())
      listing.warnings.push_back(Trouble(*catalog, loaded->stale, "; the last good copy is shown"));
    for (CatalogEntry& entry : loaded->catalog.entries) {
      const std::string id = entry.id;
      merged.emplace(id, std::move(entry));
    }
  }
  for (auto& [id, entry] : merged) listing.entries.push_back(std::move(entry));
  return listing;
}

absl::StatusOr<CatalogEntry> CatalogSet::Find(const std::string& id, const std::stop_token& stop) {
  if (std::optional<CatalogEntry> entry = FindIn(built_in_, id); entry.has_value()) return *std::move(entry);
  absl::Status missing = CatalogEntryNotFound(id);
  for (const auto& catalog : further_) {
    const absl::StatusOr<SignedCatalog::Loaded> loaded = catalog->Load(stop);
    if (absl::IsCancelled(loaded.status())) return loaded.status();
    if (!loaded.ok()) {
      // A later one must not take the place of what this one may have.
      return SourceUnreachable(catalog->url(), Trouble(*catalog, loaded.status(), ""));
    }
    if (!loaded->stale.ok())
      missing = SourceUnreachable(catalog->url(), Trouble(*catalog, loaded->stale, ""));
    if (std::optional<CatalogEntry> entry = FindIn(loaded->catalog, id); entry.has_value())
      return *std::move(entry);
  }
  return missing;
}

}  // namespace banger::kerneld
