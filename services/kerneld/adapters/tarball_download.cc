#include "services/kerneld/adapters/tarball_download.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/archive/read_ahead.h"
#include "common/digest/sha256.h"
#include "common/status/status_macros.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace {

// What went wrong on the way, in the words of the API.
absl::Status FetchError(const absl::Status& status, const CatalogEntry& entry) {
  if (absl::IsCancelled(status)) return status;
  if (absl::IsOutOfRange(status))
    return KernelCorrupt(absl::StrCat(status.message(), ", as the catalog says"));
  return SourceUnreachable(entry.tarball_url, status.message());
}

// Fetches an entry's tarball, and answers for it at its end.
class Download final : public ByteSource {
 public:
  Download(std::unique_ptr<http::HttpSource> bytes, CatalogEntry entry)
      : bytes_(std::move(bytes)), entry_(std::move(entry)) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    if (ended_) return 0;
    const absl::StatusOr<std::size_t> count = bytes_->Read(buffer);
    if (!count.ok()) return FetchError(count.status(), entry_);
    if (*count == 0) return End();
    digest_.Update(absl::string_view(buffer.data(), *count));
    return *count;
  }

 private:
  absl::StatusOr<std::size_t> End() {
    ended_ = true;
    const std::string digest = digest_.HexDigest();
    if (digest == entry_.tarball_sha256) return 0;
    return KernelCorrupt(absl::StrCat("what '", entry_.tarball_url, "' gives has SHA-256 ", digest,
                                      ", and the catalog says ", entry_.tarball_sha256));
  }

  const std::unique_ptr<http::HttpSource> bytes_;
  const CatalogEntry entry_;
  Sha256 digest_;
  bool ended_ = false;
};

absl::StatusOr<std::unique_ptr<ByteSource>> OpenDownload(http::FetchOptions fetch, const CatalogEntry& entry,
                                                         const std::stop_token& stop) {
  absl::StatusOr<std::unique_ptr<http::HttpSource>> bytes = http::HttpSource::Open(std::move(fetch), stop);
  if (!bytes.ok()) return FetchError(bytes.status(), entry);
  const std::int64_t total = (*bytes)->total_bytes().value_or(entry.size_bytes);
  if (total != entry.size_bytes)
    return KernelCorrupt(absl::StrCat("'", entry.tarball_url, "' has ", total,
                                      " bytes, and the catalog says ", entry.size_bytes));
  return std::make_unique<Download>(*std::move(bytes), entry);
}

}  // namespace

std::shared_ptr<ByteSource> TarballDownload::Open(const CatalogEntry& entry, const ProgressFn& progress,
                                                  const std::stop_token& stop) {
  http::FetchOptions fetch = fetch_;
  fetch.url = entry.tarball_url;
  fetch.max_bytes = entry.size_bytes;
  fetch.on_retry = [progress](absl::string_view why) {
    progress({.stage = "wait", .detail = std::string(why)});
  };
  return std::make_shared<ReadAhead>(
      [fetch, entry](const std::stop_token& leave) { return OpenDownload(fetch, entry, leave); }, stop);
}

}  // namespace banger::kerneld
