// Any bytes as a published bundle, from the stream to the disk: a kernel comes
// out or an error. Afterwards the store holds at most that kernel, nothing is
// staged, and nothing was written beside it. The first byte chooses what the
// bytes are taken for.
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "common/archive/byte_source.h"
#include "common/archive/zstd_source.h"
#include "common/os/temp_dir.h"
#include "services/kerneld/adapters/disk_store.h"
#include "services/kerneld/adapters/kernel_importer.h"
#include "services/kerneld/core/kernel_manager.h"
#include "services/kerneld/testing/fakes.h"

namespace banger::kerneld {
namespace {

namespace fs = std::filesystem;

int CountFiles(const fs::path& directory) {
  return static_cast<int>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

void ImportOnce(const fs::path& root, Format format, absl::string_view bytes) {
  const auto store = *DiskStore::Open(root / "kernels");
  KernelImporter importer([] { return absl::StatusOr<fs::path>("/dev/null"); });
  FakePackages packages;
  FakeTarballs tarballs;
  FakeCatalogs catalogs({});
  KernelManager kernels(*store, importer, packages, tarballs, catalogs);
  MemorySource packed(bytes);
  ZstdSource zstd(packed);
  ByteSource& source = format == Format::kTarball ? static_cast<ByteSource&>(zstd) : packed;
  const absl::Status status =
      kernels.Import({.id = "k", .format = format, .source = "f"}, source, [](const Progress&) {}, {})
          .status();
  if (CountFiles(root) != 1 || CountFiles(root / "kernels/.staging") != 0) std::abort();
  if (fs::exists(fs::symlink_status(root / "kernels/k")) != status.ok()) std::abort();
  if (status.ok() && (!kernels.Files("k").ok() || !kernels.Delete("k", {}).ok())) std::abort();
}

}  // namespace
}  // namespace banger::kerneld

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using banger::kerneld::Format;
  static const auto dir = banger::TempDir::Create();
  if (size == 0) return 0;
  constexpr Format kFormats[] = {Format::kTarball, Format::kBundle, Format::kTree, Format::kDeb,
                                 Format::kImage};
  banger::kerneld::ImportOnce(dir->path(), kFormats[data[0] % 5],
                              {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
