#include "services/kerneld/adapters/tarball_download.h"

#include "common/archive/zstd_ahead.h"
#include "common/catalog/download.h"
#include "common/status/status_macros.h"

namespace banger::kerneld {
namespace {

// Tells how far the download is.
class Reported final : public ByteSource {
 public:
  Reported(std::shared_ptr<ByteSource> bytes, std::int64_t total_bytes, ProgressFn progress)
      : bytes_(std::move(bytes)),
        progress_(std::move(progress)),
        step_{.stage = "download", .total_bytes = total_bytes} {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, bytes_->Read(buffer));
    step_.done_bytes += static_cast<std::int64_t>(count);
    progress_(step_);
    return count;
  }

 private:
  const std::shared_ptr<ByteSource> bytes_;
  const ProgressFn progress_;
  Progress step_;
};

}  // namespace

std::shared_ptr<ByteSource> TarballDownload::Open(const CatalogEntry& entry, const ProgressFn& progress,
                                                  const std::stop_token& stop) {
  const catalog::RemoteFile file{entry.tarball_url, entry.tarball_sha256, entry.size_bytes};
  const auto download = [file, fetch = fetch_, progress](const std::stop_token& leave) {
    return std::make_shared<Reported>(catalog::OpenDownload(file, fetch, progress, leave), file.size_bytes,
                                      progress);
  };
  return UnpackZstdAhead(download, stop);
}

}  // namespace banger::kerneld
