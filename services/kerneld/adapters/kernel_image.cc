#include "services/kerneld/adapters/kernel_image.h"

#include <elf.h>
#include <fcntl.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/archive/archive_reader.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/elf_file.h"
#include "services/kerneld/adapters/mapped_file.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
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

// The word that `text` starts with, if it looks like a version.
std::string VersionWord(absl::string_view text) {
  constexpr std::size_t kLongest = 128;
  std::size_t end = 0;
  while (end < text.size() && end < kLongest && absl::ascii_isgraph(text[end])) ++end;
  return end > 0 && absl::ascii_isdigit(text[0]) ? std::string(text.substr(0, end)) : std::string();
}

std::string BannerVersion(absl::string_view vmlinux) {
  constexpr absl::string_view kBanner = "Linux version ";
  // ::memmem by two-way search: the file has 50 MB.
  for (;;) {
    const void* found = ::memmem(vmlinux.data(), vmlinux.size(), kBanner.data(), kBanner.size());
    if (found == nullptr) return {};
    vmlinux.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(found) - vmlinux.data()) +
                          kBanner.size());
    std::string version = VersionWord(vmlinux);
    if (!version.empty()) return version;
  }
}

absl::StatusOr<std::string> MachineName(std::uint16_t machine) {
  if (machine == EM_X86_64) return std::string("x86_64");
  if (machine == EM_AARCH64) return std::string("aarch64");
  return KernelUnsuitable(
      absl::StrCat("the kernel is for a machine (ELF number ", machine, ") that banger does not know"));
}

absl::StatusOr<VmlinuxFacts> Inspect(absl::string_view bytes, const std::string& arch) {
  BANGER_ASSIGN_OR_RETURN(const ElfFile elf, ElfFile::Parse(bytes));
  VmlinuxFacts facts;
  BANGER_ASSIGN_OR_RETURN(facts.arch, MachineName(elf.machine()));
  if (facts.arch != arch)
    return KernelUnsuitable(absl::StrCat("the kernel is for ", facts.arch, ", not for ", arch));
  BANGER_RETURN_IF_ERROR(elf.CheckSegments());
  if (elf.machine() == EM_X86_64 && !elf.HasNote("Xen", kPvhNote))
    return KernelUnsuitable("the kernel has no PVH entry (CONFIG_PVH)");
  facts.kernel_version = BannerVersion(bytes);
  constexpr absl::string_view kDriver = "virtio_blk";
  facts.has_virtio_blk = ::memmem(bytes.data(), bytes.size(), kDriver.data(), kDriver.size()) != nullptr;
  return facts;
}

// Copies the source to a new file; its digest.
absl::StatusOr<std::string> WriteNew(ByteSource& source, const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, 0644));
  Sha256 digest;
  std::array<char, 64 << 10> buffer;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) return digest.HexDigest();
    const absl::string_view piece(buffer.data(), count);
    digest.Update(piece);
    BANGER_RETURN_IF_ERROR(WriteFully(fd.get(), piece));
  }
}

absl::StatusOr<std::string> Unpack(absl::string_view payload, const std::filesystem::path& path) {
  MemorySource packed(payload);
  BANGER_ASSIGN_OR_RETURN(ArchiveReader reader,
                          ArchiveReader::OpenCompressed(packed, {.max_bytes = kMaxVmlinux}));
  BANGER_RETURN_IF_ERROR(reader.Next().status());
  EntrySource unpacked(reader);
  return WriteNew(unpacked, path);
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

absl::StatusOr<VmlinuxFacts> ExtractVmlinux(const std::filesystem::path& image,
                                            const std::filesystem::path& vmlinux, const std::string& arch) {
  BANGER_ASSIGN_OR_RETURN(const MappedFile source, MappedFile::Open(image));
  std::string version;
  absl::StatusOr<std::string> sha256;
  if (absl::StartsWith(source.bytes(), ELFMAG)) {
    MemorySource plain(source.bytes());
    sha256 = WriteNew(plain, vmlinux);
  } else {
    BANGER_ASSIGN_OR_RETURN(const BzImage parsed, ParseBzImage(source.bytes()));
    version = parsed.kernel_version;
    sha256 = Unpack(parsed.payload, vmlinux);
    if (sha256.status().code() == absl::StatusCode::kDataLoss)
      return KernelCorrupt(absl::StrCat("unpack the bzImage: ", sha256.status().message()));
  }
  BANGER_RETURN_IF_ERROR(sha256.status());
  BANGER_ASSIGN_OR_RETURN(const MappedFile result, MappedFile::Open(vmlinux));
  BANGER_ASSIGN_OR_RETURN(VmlinuxFacts facts, Inspect(result.bytes(), arch));
  facts.sha256 = *std::move(sha256);
  if (!version.empty()) facts.kernel_version = std::move(version);
  return facts;
}

}  // namespace banger::kerneld
