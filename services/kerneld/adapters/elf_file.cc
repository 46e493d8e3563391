#include "services/kerneld/adapters/elf_file.h"

#include <elf.h>

#include <cstring>
#include <vector>

#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace {

// A copy of the structure at `offset`: nothing says that it is aligned.
template <typename T>
std::optional<T> At(absl::string_view bytes, std::uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::optional<absl::string_view> Range(absl::string_view bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size) return std::nullopt;
  return bytes.substr(offset, size);
}

std::vector<Elf64_Phdr> Segments(absl::string_view bytes) {
  const Elf64_Ehdr header = *At<Elf64_Ehdr>(bytes, 0);
  std::vector<Elf64_Phdr> segments;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const std::optional<Elf64_Phdr> segment = At<Elf64_Phdr>(bytes, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment.has_value()) break;
    segments.push_back(*segment);
  }
  return segments;
}

constexpr std::uint64_t RoundUp4(std::uint64_t size) { return (size + 3) & ~std::uint64_t{3}; }

bool NotesHave(absl::string_view notes, absl::string_view owner, std::uint32_t type) {
  while (const std::optional<Elf64_Nhdr> note = At<Elf64_Nhdr>(notes, 0)) {
    const std::optional<absl::string_view> name = Range(notes, sizeof(Elf64_Nhdr), note->n_namesz);
    if (!name.has_value()) return false;
    if (note->n_type == type && name->substr(0, name->find('\0')) == owner) return true;
    const std::uint64_t size = sizeof(Elf64_Nhdr) + RoundUp4(note->n_namesz) + RoundUp4(note->n_descsz);
    if (size >= notes.size()) return false;
    notes.remove_prefix(size);
  }
  return false;
}

}  // namespace

absl::StatusOr<ElfFile> ElfFile::Parse(absl::string_view bytes) {
  const std::optional<Elf64_Ehdr> header = At<Elf64_Ehdr>(bytes, 0);
  if (!header.has_value() || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
    return KernelCorrupt("it is no ELF file");
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
    return KernelCorrupt("it is no 64-bit little-endian ELF file");
  ElfFile file(bytes);
  file.machine_ = header->e_machine;
  return file;
}

std::optional<absl::string_view> ElfFile::FindSection(absl::string_view name) const {
  const Elf64_Ehdr header = *At<Elf64_Ehdr>(bytes_, 0);
  const auto section_at = [&](unsigned index) {
    return At<Elf64_Shdr>(bytes_, header.e_shoff + index * sizeof(Elf64_Shdr));
  };
  const std::optional<Elf64_Shdr> names_header = section_at(header.e_shstrndx);
  if (!names_header.has_value()) return std::nullopt;
  const auto names = Range(bytes_, names_header->sh_offset, names_header->sh_size);
  if (!names.has_value()) return std::nullopt;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const std::optional<Elf64_Shdr> section = section_at(i);
    if (!section.has_value()) return std::nullopt;
    if (section->sh_name >= names->size()) continue;
    const absl::string_view rest = names->substr(section->sh_name);
    if (rest.substr(0, rest.find('\0')) == name) return Range(bytes_, section->sh_offset, section->sh_size);
  }
  return std::nullopt;
}

absl::Status ElfFile::CheckSegments() const {
  bool loadable = false;
  for (const Elf64_Phdr& segment : Segments(bytes_)) {
    if (segment.p_type != PT_LOAD) continue;
    loadable = true;
    if (!Range(bytes_, segment.p_offset, segment.p_filesz).has_value())
      return KernelCorrupt("the vmlinux is cut off: a segment ends behind the end of the file");
  }
  return loadable ? absl::OkStatus() : KernelCorrupt("the vmlinux has nothing to load");
}

bool ElfFile::HasNote(absl::string_view owner, std::uint32_t type) const {
  for (const Elf64_Phdr& segment : Segments(bytes_)) {
    if (segment.p_type != PT_NOTE) continue;
    const auto notes = Range(bytes_, segment.p_offset, segment.p_filesz);
    if (notes.has_value() && NotesHave(*notes, owner, type)) return true;
  }
  return false;
}

}  // namespace banger::kerneld
