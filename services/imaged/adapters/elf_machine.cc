#include "services/imaged/adapters/elf_machine.h"

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace banger::imaged {

std::string ArchOfElf(absl::string_view begin) {
  if (begin.size() < sizeof(Elf32_Ehdr) || !absl::StartsWith(begin, ELFMAG)) return "";
  std::uint16_t machine = 0;
  std::memcpy(&machine, begin.data() + offsetof(Elf32_Ehdr, e_machine), sizeof machine);
  switch (machine) {
    case EM_X86_64:
      return "x86_64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i686";
    case EM_ARM:
      return "armv7l";
    case EM_RISCV:
      return "riscv64";
    case EM_PPC64:
      return "ppc64le";
    case EM_S390:
      return "s390x";
    default:
      return absl::StrCat("machine ", machine);
  }
}

}  // namespace banger::imaged
