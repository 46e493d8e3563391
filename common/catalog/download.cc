#include "common/catalog/download.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/archive/read_ahead.h"
#include "common/digest/sha256.h"
#include "common/status/source_unreachable.h"

namespace banger::catalog {
namespace {

absl::Status FetchError(const absl::Status& status, const RemoteFile& file) {
  if (absl::IsCancelled(status)) return status;
  if (absl::IsOutOfRange(status))
    return absl::DataLossError(absl::StrCat(status.message(), ", as the catalog says"));
  return SourceUnreachable(file.url, status.message());
}

// Fetches the file, and answers for it at its end.
class Download final : public ByteSource {
 public:
  Download(std::unique_ptr<http::HttpSource> bytes, RemoteFile file)
      : bytes_(std::move(bytes)), file_(std::move(file)) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    if (ended_) return 0;
    const absl::StatusOr<std::size_t> count = bytes_->Read(buffer);
    if (!count.ok()) return FetchError(count.status(), file_);
    if (*count == 0) return End();
    digest_.Update(absl::string_view(buffer.data(), *count));
    return *count;
  }

 private:
  absl::StatusOr<std::size_t> End() {
    ended_ = true;
    const std::string digest = digest_.HexDigest();
    if (digest == file_.sha256) return 0;
    return absl::DataLossError(absl::StrCat("what '", file_.url, "' gives has SHA-256 ", digest,
                                            ", and the catalog says ", file_.sha256));
  }

  const std::unique_ptr<http::HttpSource> bytes_;
  const RemoteFile file_;
  Sha256 digest_;
  bool ended_ = false;
};

absl::StatusOr<std::unique_ptr<ByteSource>> Start(http::FetchOptions fetch, const RemoteFile& file,
                                                  const std::stop_token& stop) {
  absl::StatusOr<std::unique_ptr<http::HttpSource>> bytes = http::HttpSource::Open(std::move(fetch), stop);
  if (!bytes.ok()) return FetchError(bytes.status(), file);
  const std::int64_t total = (*bytes)->total_bytes().value_or(file.size_bytes);
  if (total != file.size_bytes)
    return absl::DataLossError(
        absl::StrCat("'", file.url, "' has ", total, " bytes, and the catalog says ", file.size_bytes));
  return std::make_unique<Download>(*std::move(bytes), file);
}

}  // namespace

std::shared_ptr<ByteSource> OpenDownload(const RemoteFile& file, http::FetchOptions fetch,
                                         const ProgressFn& progress, const std::stop_token& stop) {
  fetch.url = file.url;
  fetch.max_bytes = file.size_bytes;
  fetch.on_retry = [progress](absl::string_view why) {
    progress({.stage = "wait", .detail = std::string(why)});
  };
  return std::make_shared<ReadAhead>(
      [fetch, file](const std::stop_token& leave) { return Start(fetch, file, leave); }, stop);
}

}  // namespace banger::catalog
