#include "services/kerneld/adapters/kernel_image.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive/archive_reader.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/elf_file.h"
#include "services/kerneld/adapters/mapped_file.h"
#include "services/kerneld/adapters/vmlinux_scan.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace fs = std::filesystem;
namespace {

// Far more than any vmlinux; what unpacks to more is a bomb.
constexpr std::int64_t kMaxVmlinux = std::int64_t{1} << 30;
// XEN_ELFNOTE_PHYS32_ENTRY, the PVH entry.
constexpr std::uint32_t kPvhNote = 18;

// Offsets in a bzImage.
constexpr std::size_t kSetupSectors = 0x1f1;
constexpr std::size_t kMagic = 0x202;
constexpr std::size_t kProtocol = 0x206;
constexpr std::size_t kVersionPointer = 0x20e;
constexpr std::size_t kPayloadOffset = 0x248;
constexpr std::size_t kPayloadLength = 0x24c;
constexpr std::size_t kHeaderEnd = 0x250;
constexpr std::uint16_t kFirstProtocolWithPayload = 0x208;

template <typename T>
T Load(absl::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

absl::StatusOr<std::string> MachineName(std::uint16_t machine) {
  if (machine == EM_X86_64) return std::string("x86_64");
  if (machine == EM_AARCH64) return std::string("aarch64");
  return KernelUnsuitable(
      absl::StrCat("the kernel is for a machine (ELF number ", machine, ") that banger does not know"));
}

// The architecture, if it can be started.
absl::StatusOr<std::string> CheckElf(absl::string_view bytes, const std::string& wanted) {
  BANGER_ASSIGN_OR_RETURN(const ElfFile elf, ElfFile::Parse(bytes));
  BANGER_ASSIGN_OR_RETURN(std::string arch, MachineName(elf.machine()));
  if (arch != wanted) return KernelUnsuitable(absl::StrCat("the kernel is for ", arch, ", not for ", wanted));
  BANGER_RETURN_IF_ERROR(elf.CheckSegments());
  if (elf.machine() == EM_X86_64 && !elf.HasNote("Xen", kPvhNote))
    return KernelUnsuitable("the kernel has no PVH entry (CONFIG_PVH)");
  return arch;
}

// An ELF file is where it belongs with a rename.
absl::StatusOr<VmlinuxText> TakeElf(const fs::path& image, const fs::path& vmlinux) {
  std::error_code error;
  fs::rename(image, vmlinux, error);
  if (error) return ErrnoError(error.value(), absl::StrCat("rename '", image.string(), "'"));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(vmlinux, O_RDONLY | O_NOFOLLOW));
  if (::fchmod(fd.get(), 0644) < 0) return ErrnoError(errno, absl::StrCat("chmod '", vmlinux.string(), "'"));
  FdSource bytes(fd.get());
  return ScanVmlinux(bytes);
}

absl::StatusOr<VmlinuxText> Unpack(absl::string_view payload, const fs::path& vmlinux) {
  MemorySource packed(payload);
  BANGER_ASSIGN_OR_RETURN(ArchiveReader reader,
                          ArchiveReader::OpenCompressed(packed, {.max_bytes = kMaxVmlinux}));
  BANGER_RETURN_IF_ERROR(reader.Next().status());
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(vmlinux, O_WRONLY | O_CREAT | O_EXCL, 0644));
  EntrySource unpacked(reader);
  return ScanVmlinux(unpacked, fd.get());
}

}  // namespace

absl::StatusOr<BzImage> ParseBzImage(absl::string_view bytes) {
  if (bytes.size() < kHeaderEnd || bytes.substr(kMagic, 4) != "HdrS")
    return KernelCorrupt("the kernel is neither an ELF vmlinux nor a bzImage");
  if (Load<std::uint16_t>(bytes, kProtocol) < kFirstProtocolWithPayload)
    return KernelCorrupt("the bzImage is older than boot protocol 2.08");
  const auto sectors = static_cast<unsigned char>(bytes[kSetupSectors]);
  const std::uint64_t setup_size = (std::uint64_t{sectors == 0 ? 4U : sectors} + 1) * 512;
  const std::uint64_t start = setup_size + Load<std::uint32_t>(bytes, kPayloadOffset);
  const std::uint64_t length = Load<std::uint32_t>(bytes, kPayloadLength);
  if (length < 8 || start > bytes.size() || bytes.size() - start < length)
    return KernelCorrupt("the bzImage is cut off: its payload ends behind the end of the file");
  BzImage image{.payload = bytes.substr(start, length)};
  // The build adds the unpacked size, except for gzip, which has it itself.
  if (!absl::StartsWith(image.payload, "\x1f\x8b")) image.payload.remove_suffix(4);
  const std::uint64_t version = std::uint64_t{Load<std::uint16_t>(bytes, kVersionPointer)} + 512;
  if (version > 512 && version < bytes.size()) image.kernel_version = VersionWord(bytes.substr(version));
  return image;
}

absl::StatusOr<VmlinuxFacts> ExtractVmlinux(const fs::path& image, const fs::path& vmlinux,
                                            const std::string& arch) {
  std::string version;
  absl::StatusOr<VmlinuxText> text;
  {
    BANGER_ASSIGN_OR_RETURN(const MappedFile source, MappedFile::Open(image));
    if (absl::StartsWith(source.bytes(), ELFMAG)) {
      text = TakeElf(image, vmlinux);
    } else {
      BANGER_ASSIGN_OR_RETURN(const BzImage parsed, ParseBzImage(source.bytes()));
      version = parsed.kernel_version;
      text = Unpack(parsed.payload, vmlinux);
      if (absl::IsDataLoss(text.status()))
        return KernelCorrupt(absl::StrCat("unpack the bzImage: ", text.status().message()));
    }
  }
  BANGER_RETURN_IF_ERROR(text.status());
  BANGER_ASSIGN_OR_RETURN(const MappedFile result, MappedFile::Open(vmlinux));
  BANGER_ASSIGN_OR_RETURN(std::string found_arch, CheckElf(result.bytes(), arch));
  return VmlinuxFacts{
      .arch = std::move(found_arch),
      .kernel_version = version.empty() ? std::move(text->kernel_version) : std::move(version),
      .sha256 = std::move(text->sha256),
      .has_virtio_blk = text->has_virtio_blk};
}

}  // namespace banger::kerneld
