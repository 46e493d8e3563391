#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/catalog/signed_catalog.h"
#include "common/config/config.h"
#include "common/digest/sha256.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace banger::catalog {

// The built-in catalog and the configured ones, in that order: where two have an
// entry of the same name, the earlier one's counts, so that no other catalog can
// put itself in the place of what was there. Thread-safe.
template <typename Entry>
class CatalogSet {
 public:
  using Further = std::vector<std::unique_ptr<SignedCatalog<Entry>>>;

  CatalogSet(Catalog<Entry> built_in, Further further)
      : built_in_(std::move(built_in)), further_(std::move(further)) {}

  struct Options {
    std::string kind;      // what they are catalogs of, for messages: "kernel"
    std::string built_in;  // its text
    std::vector<CatalogConfig> further;
    std::filesystem::path copies;  // the directory for the last good copies
  };
  static absl::StatusOr<std::unique_ptr<CatalogSet>> Open(const Options& options, EntryParser<Entry> parse) {
    BANGER_ASSIGN_OR_RETURN(Catalog<Entry> built_in, ParseCatalog(options.built_in, "built-in", parse));
    Further further;
    for (const CatalogConfig& config : options.further) {
      const std::string file = absl::StrCat(Sha256Hex(config.url).substr(0, 16), ".json");
      BANGER_ASSIGN_OR_RETURN(SignedDocument document,
                              SignedDocument::Create({.kind = options.kind,
                                                      .url = config.url,
                                                      .public_key = config.public_key,
                                                      .copy = options.copies / file}));
      further.push_back(std::make_unique<SignedCatalog<Entry>>(std::move(document), parse));
    }
    return std::make_unique<CatalogSet>(std::move(built_in), std::move(further));
  }

  struct Listing {
    std::vector<Entry> entries;         // sorted by id, each id once
    std::vector<std::string> warnings;  // what could not be had, for people
  };
  // The best of what can be had; an error is CANCELLED.
  absl::StatusOr<Listing> List(const std::stop_token& stop) {
    std::map<std::string, Entry> merged;
    // Does nothing where the name is taken.
    for (const Entry& entry : built_in_.entries) merged.emplace(entry.id, entry);
    Listing listing;
    for (const auto& catalog : further_) {
      auto loaded = catalog->Load(stop);
      if (absl::IsCancelled(loaded.status())) return loaded.status();
      if (!loaded.ok()) {
        listing.warnings.push_back(Trouble(*catalog, loaded.status(), ""));
        continue;
      }
      if (!loaded->stale.ok())
        listing.warnings.push_back(Trouble(*catalog, loaded->stale, "; the last good copy is shown"));
      for (Entry& entry : loaded->catalog.entries) {
        const std::string id = entry.id;
        merged.emplace(id, std::move(entry));
      }
    }
    for (auto& [id, entry] : merged) listing.entries.push_back(std::move(entry));
    return listing;
  }

  struct Found {
    std::optional<Entry> entry;
    // When there is no entry: a catalog that may have it and cannot be had now.
    std::string unreachable;
    std::string why;
  };
  // Asks no further catalog than it takes; an error is CANCELLED.
  absl::StatusOr<Found> Find(const std::string& id, const std::stop_token& stop) {
    Found found{.entry = FindIn(built_in_, id)};
    for (const auto& catalog : further_) {
      if (found.entry.has_value()) return found;
      const auto loaded = catalog->Load(stop);
      if (absl::IsCancelled(loaded.status())) return loaded.status();
      const absl::Status& trouble = loaded.ok() ? loaded->stale : loaded.status();
      if (!trouble.ok()) {
        found.unreachable = catalog->document().url();
        found.why = Trouble(*catalog, trouble, "");
      }
      // A later one must not take the place of what this one may have.
      if (!loaded.ok()) return found;
      found.entry = FindIn(loaded->catalog, id);
    }
    return found;
  }

 private:
  static std::string Trouble(const SignedCatalog<Entry>& catalog, const absl::Status& why,
                             absl::string_view effect) {
    const SignedDocument& document = catalog.document();
    log::Warn("catalog not read", {{"catalog", document.url()}, {"why", std::string(why.message())}});
    return absl::StrCat(document.kind(), " catalog ", document.url(), ": ", why.message(), effect);
  }

  static std::optional<Entry> FindIn(const Catalog<Entry>& catalog, const std::string& id) {
    const auto found = std::find_if(catalog.entries.begin(), catalog.entries.end(),
                                    [&id](const Entry& entry) { return entry.id == id; });
    if (found == catalog.entries.end()) return std::nullopt;
    return *found;
  }

  const Catalog<Entry> built_in_;
  const Further further_;
};

}  // namespace banger::catalog
