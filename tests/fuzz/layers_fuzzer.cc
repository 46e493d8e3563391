// Any bytes as an image's layers, from their tars to the ext4 file: they are
// refused and no file stays, or a file system comes out. "=layer=\n" begins the
// next layer.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/archive/byte_source.h"
#include "common/digest/sha256.h"
#include "common/os/temp_dir.h"
#include "services/imaged/adapters/oci_image_builder.h"
#include "tests/fuzz/mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto dir = banger::TempDir::Create();
  const auto rootfs = dir->path() / "rootfs.ext4";
  std::filesystem::remove(rootfs);
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const std::vector<absl::string_view> tars = absl::StrSplit(input, absl::MaxSplits("=layer=\n", 7));
  banger::imaged::OciImage image;
  for (const absl::string_view tar : tars)
    image.layers.push_back({.blob = {}, .diff_id = absl::StrCat("sha256:", banger::Sha256Hex(tar))});
  const auto open = [&tars](std::size_t index,
                            const std::stop_token&) -> absl::StatusOr<std::unique_ptr<banger::ByteSource>> {
    return std::make_unique<banger::MemorySource>(tars[index]);
  };
  banger::imaged::OciImageBuilder builder(image, open, {.max_entries = 1000, .max_bytes = 16 << 20});
  const auto built = builder.Build(rootfs, 32 << 20, {});
  if (built.ok() != std::filesystem::exists(rootfs)) std::abort();
  return 0;
}

BANGER_MUTATE_TARS
