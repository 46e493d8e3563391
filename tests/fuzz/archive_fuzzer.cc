// Any bytes as a tar, an ar or a compressed stream: read to the end or refused,
// within the limits.
#include <cstdint>
#include <cstdlib>

#include "common/archive/archive_reader.h"
#include "tests/fuzz/mutate.h"

namespace banger {
namespace {

constexpr ArchiveLimits kLimits = {.max_entries = 1000, .max_bytes = 16 << 20};

absl::StatusOr<ArchiveReader> Open(std::uint8_t kind, ByteSource& source) {
  switch (kind % 3) {
    case 0:
      return ArchiveReader::OpenTar(source, kLimits);
    case 1:
      return ArchiveReader::OpenAr(source, kLimits);
    default:
      return ArchiveReader::OpenCompressed(source, kLimits);
  }
}

void ReadToTheEnd(ArchiveReader& reader) {
  std::int64_t bytes = 0;
  for (;;) {
    const auto entry = reader.Next();
    if (!entry.ok() || !entry->has_value()) return;
    for (;;) {
      const auto block = reader.ReadBlock();
      if (!block.ok() || !block->has_value()) break;
      bytes += static_cast<std::int64_t>((*block)->data.size());
      if (bytes > kLimits.max_bytes + (1 << 20)) std::abort();  // the limit does not hold
    }
  }
}

}  // namespace
}  // namespace banger

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  banger::MemorySource source(absl::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  auto reader = banger::Open(data[0], source);
  if (reader.ok()) banger::ReadToTheEnd(*reader);
  return 0;
}

BANGER_MUTATE_TARS
