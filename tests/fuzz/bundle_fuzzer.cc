// Any bytes as the tar in a bundle: refused by name, or a root file system comes
// out that can be looked at.
#include <zstd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/archive/byte_source.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "services/imaged/adapters/bundle_builder.h"
#include "tests/fuzz/mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto dir = banger::TempDir::Create();
  const auto rootfs = dir->path() / "rootfs.ext4";
  std::filesystem::remove(rootfs);
  std::string packed(ZSTD_compressBound(size), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), data, size, 1));
  banger::MemorySource source(packed);
  const auto built =
      banger::imaged::BundleBuilder(source, {.max_entries = 10, .max_bytes = 16 << 20}).Build(rootfs, 0, {});
  if (built.ok() ? !std::filesystem::exists(rootfs) : banger::ErrorReason(built.status()).empty())
    std::abort();
  return 0;
}

BANGER_MUTATE_TARS
