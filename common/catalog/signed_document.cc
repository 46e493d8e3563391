#include "common/catalog/signed_document.h"

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/archive/archive_reader.h"
#include "common/http/url.h"
#include "common/json/fields.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::catalog {
namespace {

constexpr std::int64_t kMaxText = 4 << 20;
constexpr std::int64_t kMaxCopy = 32 << 20;

std::string WithoutFileScheme(const std::string& url) {
  return std::string(absl::StripPrefix(url, "file://"));
}

}  // namespace

absl::StatusOr<SignedDocument> SignedDocument::Create(Options options) {
  absl::Status address = absl::OkStatus();
  if (!absl::StartsWith(WithoutFileScheme(options.url), "/")) address = http::CheckUrl(options.url, false);
  if (!address.ok()) return Annotate(address, absl::StrCat(options.kind, "_catalogs.url"));
  const absl::StatusOr<MinisignKey> key = MinisignKey::Parse(options.public_key);
  if (!key.ok())
    return Annotate(key.status(), absl::StrCat(options.kind, " catalog '", options.url, "': public_key"));
  return SignedDocument(std::move(options), *key);
}

absl::StatusOr<SignedDocument::Signed> SignedDocument::Fetch(const std::stop_token& stop) const {
  Signed found;
  BANGER_ASSIGN_OR_RETURN(found.text, Read("", stop));
  BANGER_ASSIGN_OR_RETURN(found.signature, Read(".minisig", stop));
  BANGER_RETURN_IF_ERROR(key_.Verify(found.text, found.signature));
  return found;
}

absl::StatusOr<std::string> SignedDocument::Read(const std::string& suffix,
                                                 const std::stop_token& stop) const {
  const std::string url = options_.url + suffix;
  if (!http::IsHttpUrl(url)) return ReadFile(WithoutFileScheme(url), kMaxText);
  http::FetchOptions fetch = options_.fetch;
  fetch.url = url;
  fetch.max_bytes = kMaxText;
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<http::HttpSource> source,
                          http::HttpSource::Open(std::move(fetch), stop));
  return ReadAll(*source, kMaxText);
}

absl::StatusOr<std::string> SignedDocument::ReadCopy() const {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(options_.copy, kMaxCopy));
  BANGER_ASSIGN_OR_RETURN(const Json json, ParseJsonObject(text));
  Signed copy;
  BANGER_RETURN_IF_ERROR(TakeStrings(json, {{"catalog", &copy.text}, {"signature", &copy.signature}}));
  BANGER_RETURN_IF_ERROR(key_.Verify(copy.text, copy.signature));
  return std::move(copy.text);
}

absl::Status SignedDocument::WriteCopy(const Signed& good) const {
  const Json json = {{"catalog", good.text}, {"signature", good.signature}};
  BANGER_RETURN_IF_ERROR(MakeDirectories(options_.copy.parent_path()));
  return WriteFileAtomically(options_.copy, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace banger::catalog
