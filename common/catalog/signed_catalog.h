#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/catalog/catalog.h"
#include "common/catalog/signed_document.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "common/sync/keyed_lock.h"

namespace banger::catalog {

// A catalog from elsewhere that its author has signed. The last good copy serves
// while there is nothing better, and a catalog of a lower version than it is
// refused, so that whoever stands in between cannot bring back old entries.
// Thread-safe.
template <typename Entry>
class SignedCatalog {
 public:
  // For so long as `fresh` a catalog is not asked for again.
  SignedCatalog(SignedDocument document, EntryParser<Entry> parse,
                std::chrono::milliseconds fresh = std::chrono::seconds(5))
      : document_(std::move(document)), parse_(parse), fresh_(fresh) {}

  struct Loaded {
    Catalog<Entry> catalog;
    // Why it is only the last good copy; OK when it is the newest.
    absl::Status stale;
  };

  // An error when there is no good copy at all, or CANCELLED.
  absl::StatusOr<Loaded> Load(const std::stop_token& stop) {
    BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, in_use_.Acquire("catalog", stop));
    const auto now = std::chrono::steady_clock::now();
    if (newest_.has_value() && now - loaded_at_ < fresh_) return Loaded{*newest_, absl::OkStatus()};
    const std::optional<Catalog<Entry>> last = ReadCopy();
    absl::StatusOr<Catalog<Entry>> catalog = Update(last, stop);
    if (catalog.ok()) {
      newest_ = *catalog;
      loaded_at_ = now;
      return Loaded{*std::move(catalog), absl::OkStatus()};
    }
    if (absl::IsCancelled(catalog.status()) || !last.has_value()) return catalog.status();
    return Loaded{*last, catalog.status()};
  }

  const SignedDocument& document() const { return document_; }

 private:
  absl::StatusOr<Catalog<Entry>> Update(const std::optional<Catalog<Entry>>& last,
                                        const std::stop_token& stop) const {
    BANGER_ASSIGN_OR_RETURN(const SignedDocument::Signed found, document_.Fetch(stop));
    BANGER_ASSIGN_OR_RETURN(Catalog<Entry> catalog, ParseCatalog(found.text, document_.url(), parse_));
    if (last.has_value() && catalog.version < last->version)
      return absl::FailedPreconditionError(absl::StrCat("catalog: version ", catalog.version,
                                                        " is older than ", last->version, ", seen before"));
    BANGER_RETURN_IF_ERROR(document_.WriteCopy(found));
    return catalog;
  }

  std::optional<Catalog<Entry>> ReadCopy() const {
    const absl::StatusOr<std::string> text = document_.ReadCopy();
    if (absl::IsNotFound(text.status())) return std::nullopt;
    absl::Status status = text.status();
    if (status.ok()) {
      absl::StatusOr<Catalog<Entry>> catalog = ParseCatalog(*text, document_.url(), parse_);
      if (catalog.ok()) return *std::move(catalog);
      status = catalog.status();
    }
    // After a change of the key, for example.
    log::Warn("last copy of a catalog is no good",
              {{"catalog", document_.url()}, {"why", std::string(status.message())}});
    return std::nullopt;
  }

  const SignedDocument document_;
  const EntryParser<Entry> parse_;
  const std::chrono::milliseconds fresh_;
  KeyedLock in_use_;  // guards what follows, and the copy
  std::optional<Catalog<Entry>> newest_;
  std::chrono::steady_clock::time_point loaded_at_;
};

}  // namespace banger::catalog
