// Any bytes as an ext4 file that somebody else has made: refused, or all that is in
// it can be read to an end.
#include <fcntl.h>

#include <cstdint>
#include <cstdlib>

#include "common/ext4/ext4_reader.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "services/imaged/adapters/ready_rootfs.h"
#include "services/imaged/adapters/tree_tar.h"

namespace {

constexpr std::int64_t kEnough = 64 << 20;

// Holes are no data, but files may share blocks.
void ReadAll(const std::filesystem::path& path) {
  const auto reader = banger::Ext4Reader::Open(path);
  if (!reader.ok()) return;
  std::int64_t written = 0;
  banger::TarWriter tar([&written](absl::string_view bytes) {
    written += static_cast<std::int64_t>(bytes.size());
    return written < kEnough ? absl::OkStatus() : absl::ResourceExhaustedError("enough");
  });
  banger::imaged::WriteTree(*reader, tar, [](std::int64_t) {}, {}).IgnoreError();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto dir = banger::TempDir::Create();
  const auto path = dir->path() / "rootfs.ext4";
  {
    const auto file = banger::OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC);
    const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (!file.ok() || !banger::WriteFully(file->get(), bytes).ok()) return 0;
  }
  const auto found = banger::imaged::InspectRootfs(path);
  if (!found.ok() && banger::ErrorReason(found.status()).empty()) std::abort();
  ReadAll(path);
  return 0;
}
