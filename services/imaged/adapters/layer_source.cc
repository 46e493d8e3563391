#include "services/imaged/adapters/layer_source.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/archive/gzip_source.h"
#include "common/archive/zstd_source.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr std::size_t kMagicBytes = 4;

// A source whose first bytes have been looked at.
class Peeked final : public ByteSource {
 public:
  explicit Peeked(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  absl::StatusOr<absl::string_view> Peek() {
    while (size_ < kMagicBytes) {
      BANGER_ASSIGN_OR_RETURN(const std::size_t count, source_->Read(std::span(begin_).subspan(size_)));
      if (count == 0) break;
      size_ += count;
    }
    return absl::string_view(begin_.data(), size_);
  }

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    if (given_ == size_) return source_->Read(buffer);
    const std::size_t count = std::min(buffer.size(), size_ - given_);
    std::copy_n(begin_.data() + given_, count, buffer.data());
    given_ += count;
    return count;
  }

 private:
  const std::unique_ptr<ByteSource> source_;
  std::array<char, kMagicBytes> begin_{};
  std::size_t size_ = 0;
  std::size_t given_ = 0;
};

// Frames that only carry metadata may come first, too.
bool IsZstd(absl::string_view begin) {
  if (absl::StartsWith(begin, "\x28\xb5\x2f\xfd")) return true;
  return begin.size() == kMagicBytes && (begin[0] & 0xf0) == 0x50 &&
         absl::EndsWith(begin, absl::string_view("\x2a\x4d\x18", 3));
}

bool IsGzip(absl::string_view begin) { return absl::StartsWith(begin, "\x1f\x8b"); }

// What is in a blob.
class Unpacked final : public ByteSource {
 public:
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(std::unique_ptr<ByteSource> blob) {
    std::unique_ptr<Unpacked> source(new Unpacked(std::move(blob)));
    BANGER_ASSIGN_OR_RETURN(const absl::string_view begin, source->blob_.Peek());
    if (IsGzip(begin)) source->unpacked_ = std::make_unique<GzipSource>(source->blob_);
    if (IsZstd(begin)) source->unpacked_ = std::make_unique<ZstdSource>(source->blob_);
    return source;
  }

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    return unpacked_ != nullptr ? unpacked_->Read(buffer) : blob_.Read(buffer);
  }

 private:
  explicit Unpacked(std::unique_ptr<ByteSource> blob) : blob_(std::move(blob)) {}

  Peeked blob_;
  std::unique_ptr<ByteSource> unpacked_;
};

}  // namespace

LayerSource::LayerSource(ReadAhead::MakeSource open_unpacked, std::string diff_id, std::int64_t max_bytes,
                         oci::Digester digester, const std::stop_token& stop)
    : diff_id_(std::move(diff_id)),
      max_bytes_(max_bytes),
      digester_(std::move(digester)),
      unpacked_(std::move(open_unpacked), stop) {}

absl::StatusOr<std::unique_ptr<ByteSource>> LayerSource::Open(ReadAhead::MakeSource open_blob,
                                                              const std::string& diff_id,
                                                              std::int64_t max_bytes,
                                                              const std::stop_token& stop) {
  absl::StatusOr<oci::Digester> digester = oci::Digester::For(diff_id);
  if (!digester.ok())
    return ImageCorrupt(absl::StrCat("diff_id '", PrintableArchivePath(diff_id), "' is no digest"));
  const auto open_unpacked =
      [open_blob = std::move(open_blob)](
          const std::stop_token& token) -> absl::StatusOr<std::unique_ptr<ByteSource>> {
    BANGER_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> blob, open_blob(token));
    return Unpacked::Open(std::move(blob));
  };
  return std::unique_ptr<ByteSource>(
      new LayerSource(open_unpacked, diff_id, max_bytes, *std::move(digester), stop));
}

absl::StatusOr<std::size_t> LayerSource::Read(std::span<char> buffer) {
  BANGER_ASSIGN_OR_RETURN(const std::size_t count, unpacked_.Read(buffer));
  if (count == 0 && !verified_) BANGER_RETURN_IF_ERROR(Verify());
  digester_.Update(absl::string_view(buffer.data(), count));
  size_ += static_cast<std::int64_t>(count);
  if (size_ > max_bytes_)
    return absl::ResourceExhaustedError(absl::StrCat("layer unpacks to more than ", max_bytes_, " bytes"));
  return count;
}

absl::Status LayerSource::Verify() {
  const std::string actual = digester_.Digest();
  if (actual != diff_id_) return DigestMismatch("unpacked layer", diff_id_, actual);
  verified_ = true;
  return absl::OkStatus();
}

}  // namespace banger::imaged
