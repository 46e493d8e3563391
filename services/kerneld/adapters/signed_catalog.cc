#include "services/kerneld/adapters/signed_catalog.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/archive/archive_reader.h"
#include "common/http/url.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/catalog_json.h"
#include "services/kerneld/adapters/json_fields.h"

namespace banger::kerneld {
namespace {

constexpr std::int64_t kMaxCatalog = 4 << 20;
constexpr std::int64_t kMaxCopy = 32 << 20;

std::string WithoutFileScheme(const std::string& url) {
  return std::string(absl::StripPrefix(url, "file://"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SignedCatalog>> SignedCatalog::Create(Options options) {
  const std::string what = absl::StrCat("kernel catalog '", options.url, "'");
  absl::Status address = absl::OkStatus();
  if (!absl::StartsWith(WithoutFileScheme(options.url), "/")) address = http::CheckUrl(options.url, false);
  if (!address.ok()) return Annotate(address, "kernel_catalogs.url");
  const absl::StatusOr<MinisignKey> key = MinisignKey::Parse(options.public_key);
  if (!key.ok()) return Annotate(key.status(), absl::StrCat(what, ": public_key"));
  return std::unique_ptr<SignedCatalog>(new SignedCatalog(std::move(options), *key));
}

absl::StatusOr<SignedCatalog::Loaded> SignedCatalog::Load(const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, in_use_.Acquire("catalog", stop));
  const auto now = std::chrono::steady_clock::now();
  if (newest_.has_value() && now - loaded_at_ < options_.fresh) return Loaded{*newest_, absl::OkStatus()};
  const std::optional<Catalog> last = ReadCopy();
  absl::StatusOr<Catalog> catalog = Update(last, stop);
  if (catalog.ok()) {
    newest_ = *catalog;
    loaded_at_ = now;
    return Loaded{*std::move(catalog), absl::OkStatus()};
  }
  if (absl::IsCancelled(catalog.status()) || !last.has_value()) return catalog.status();
  return Loaded{*last, catalog.status()};
}

absl::StatusOr<Catalog> SignedCatalog::Update(const std::optional<Catalog>& last,
                                              const std::stop_token& stop) const {
  Signed found;
  BANGER_ASSIGN_OR_RETURN(found.text, Read("", stop));
  BANGER_ASSIGN_OR_RETURN(found.signature, Read(".minisig", stop));
  BANGER_ASSIGN_OR_RETURN(Catalog catalog, Verify(found));
  if (last.has_value() && catalog.version < last->version)
    return absl::FailedPreconditionError(absl::StrCat("catalog: version ", catalog.version, " is older than ",
                                                      last->version, ", seen before"));
  BANGER_RETURN_IF_ERROR(WriteCopy(found));
  return catalog;
}

absl::StatusOr<std::string> SignedCatalog::Read(const std::string& suffix,
                                                const std::stop_token& stop) const {
  const std::string url = options_.url + suffix;
  if (!http::IsHttpUrl(url)) return ReadFile(WithoutFileScheme(url), kMaxCatalog);
  http::FetchOptions fetch = options_.fetch;
  fetch.url = url;
  fetch.max_bytes = kMaxCatalog;
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<http::HttpSource> source,
                          http::HttpSource::Open(std::move(fetch), stop));
  return ReadAll(*source, kMaxCatalog);
}

absl::StatusOr<Catalog> SignedCatalog::Verify(const Signed& found) const {
  BANGER_RETURN_IF_ERROR(key_.Verify(found.text, found.signature));
  return ParseCatalog(found.text, options_.url);
}

std::optional<Catalog> SignedCatalog::ReadCopy() const {
  const absl::StatusOr<std::string> text = ReadFile(options_.copy, kMaxCopy);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  absl::StatusOr<Json> json = text.ok() ? ParseJsonObject(*text) : text.status();
  Signed copy;
  absl::Status status = json.status();
  if (status.ok()) status = TakeStrings(*json, {{"catalog", &copy.text}, {"signature", &copy.signature}});
  if (status.ok()) {
    absl::StatusOr<Catalog> catalog = Verify(copy);
    if (catalog.ok()) return *std::move(catalog);
    status = catalog.status();
  }
  // After a change of the key, for example.
  log::Warn("last copy of a kernel catalog is no good",
            {{"catalog", options_.url}, {"why", std::string(status.message())}});
  return std::nullopt;
}

absl::Status SignedCatalog::WriteCopy(const Signed& good) const {
  const Json json = {{"catalog", good.text}, {"signature", good.signature}};
  BANGER_RETURN_IF_ERROR(MakeDirectories(options_.copy.parent_path()));
  return WriteFileAtomically(options_.copy, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace banger::kerneld
