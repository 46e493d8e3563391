// Any bytes as a tar of a root file system, from the stream to the ext4 file: it
// is refused and no file stays, or a file system comes out.
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "common/archive/byte_source.h"
#include "common/os/temp_dir.h"
#include "services/imaged/adapters/rootfs_tar_builder.h"
#include "tests/fuzz/mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto dir = banger::TempDir::Create();
  const auto rootfs = dir->path() / "rootfs.ext4";
  std::filesystem::remove(rootfs);
  banger::MemorySource source(absl::string_view(reinterpret_cast<const char*>(data), size));
  banger::imaged::RootfsTarBuilder builder(source, {.max_entries = 1000, .max_bytes = 16 << 20});
  const auto built = builder.Build(rootfs, 32 << 20, {});
  if (built.ok() != std::filesystem::exists(rootfs)) std::abort();
  return 0;
}

BANGER_MUTATE_TARS
