#include "common/archive/zstd_ahead.h"

#include <utility>

#include "common/archive/read_ahead.h"
#include "common/archive/zstd_source.h"

namespace banger {
namespace {

class OwningZstdSource final : public ByteSource {
 public:
  explicit OwningZstdSource(std::shared_ptr<ByteSource> packed)
      : packed_(std::move(packed)), zstd_(*packed_) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override { return zstd_.Read(buffer); }

 private:
  const std::shared_ptr<ByteSource> packed_;
  ZstdSource zstd_;
};

}  // namespace

std::shared_ptr<ByteSource> UnpackZstdAhead(MakePacked packed, const std::stop_token& stop) {
  return std::make_shared<ReadAhead>(
      [packed = std::move(packed)](const std::stop_token& leave) {
        return std::make_unique<OwningZstdSource>(packed(leave));
      },
      stop);
}

}  // namespace banger
