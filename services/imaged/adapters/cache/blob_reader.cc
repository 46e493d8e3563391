#include "services/imaged/adapters/cache/blob_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {

absl::StatusOr<std::size_t> BlobReader::Read(std::span<char> buffer) {
  if (stop_.stop_requested()) return absl::CancelledError("stopped");
  if (position_ == available_) {
    BANGER_ASSIGN_OR_RETURN(available_, download_->Await(position_, stop_));
  }
  if (position_ == available_) return 0;
  if (!file_.valid()) {
    absl::StatusOr<UniqueFd> file = download_->OpenForReading();
    // A blob that turned out to be wrong is gone: then that is the error.
    if (absl::IsNotFound(file.status()))
      BANGER_RETURN_IF_ERROR(download_->Await(download_->blob().size, stop_).status());
    BANGER_RETURN_IF_ERROR(file.status());
    file_ = *std::move(file);
  }
  const auto wanted = static_cast<std::size_t>(
      std::min<std::int64_t>(static_cast<std::int64_t>(buffer.size()), available_ - position_));
  for (;;) {
    const ssize_t count = ::pread(file_.get(), buffer.data(), wanted, position_);
    if (count < 0 && errno == EINTR) continue;
    const std::string& digest = download_->blob().digest;
    if (count < 0) return ErrnoError(errno, absl::StrCat("read blob ", digest));
    if (count == 0 && wanted > 0) return ImageCorrupt(absl::StrCat("cached blob ", digest, " was cut off"));
    position_ += count;
    return static_cast<std::size_t>(count);
  }
}

}  // namespace banger::imaged
