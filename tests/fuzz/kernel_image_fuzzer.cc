// Any bytes as a kernel image: an ELF comes out or an error, and no file stays
// after an error.
#include <fcntl.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "services/kerneld/adapters/kernel_image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto dir = banger::TempDir::Create();
  const auto image = dir->path() / "image";
  const auto vmlinux = dir->path() / "vmlinux";
  std::filesystem::remove(vmlinux);
  {
    const auto fd = banger::OpenFile(image, O_WRONLY | O_CREAT | O_TRUNC);
    if (!banger::WriteFully(fd->get(), absl::string_view(reinterpret_cast<const char*>(data), size)).ok())
      return 0;
  }
  const auto facts = banger::kerneld::ExtractVmlinux(image, vmlinux, "x86_64");
  if (facts.ok() && !std::filesystem::exists(vmlinux)) std::abort();
  return 0;
}
