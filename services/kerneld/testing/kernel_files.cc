#include "services/kerneld/testing/kernel_files.h"

#include <elf.h>
#include <lz4.h>

#include <cstdio>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/archive/compress_for_tests.h"

namespace banger::kerneld {
namespace {

template <typename T>
void Put(std::string& bytes, std::size_t offset, const T& value) {
  if (bytes.size() < offset + sizeof value) bytes.resize(offset + sizeof value);
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

Elf64_Ehdr Header(std::uint16_t machine) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_EXEC;
  header.e_machine = machine;
  return header;
}

}  // namespace

std::string MakeVmlinux(const VmlinuxOptions& options) {
  // Two notes, so that finding the second means to step over the first.
  std::string notes;
  for (const std::uint32_t type : {6U, options.pvh ? 18U : 17U}) {
    std::string note;
    Put(note, 0, Elf64_Nhdr{4, 6, type});
    notes += note + std::string("Xen\0linux\0\0\0", 12);
  }
  std::string text = absl::StrCat("Linux version %s (%s)", std::string(1, '\0'), "Linux version ",
                                  options.version, " (builder@host) #1", std::string(1, '\0'));
  if (options.virtio_blk) text += "virtio_blk";
  constexpr std::size_t kNotes = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
  Elf64_Ehdr header = Header(options.machine);
  header.e_phoff = sizeof header;
  header.e_phnum = 2;
  Elf64_Phdr note{};
  note.p_type = PT_NOTE;
  note.p_offset = kNotes;
  note.p_filesz = notes.size();
  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  load.p_offset = kNotes + notes.size();
  load.p_filesz = text.size();
  std::string bytes;
  Put(bytes, 0, header);
  Put(bytes, sizeof header, note);
  Put(bytes, sizeof header + sizeof note, load);
  bytes += notes + text;
  bytes.resize(bytes.size() - options.cut_off);
  return bytes;
}

std::string MakeBzImage(const std::string& payload, const std::string& version) {
  constexpr std::size_t kSetupSectors = 2;
  constexpr std::uint32_t kOffset = 64;
  std::string image((kSetupSectors + 1) * 512 + kOffset, '\0');
  Put(image, 0x1f1, static_cast<std::uint8_t>(kSetupSectors));
  image.replace(0x202, 4, "HdrS");
  Put(image, 0x206, std::uint16_t{0x20f});
  Put(image, 0x20e, std::uint16_t{0x300 - 512});
  image.replace(0x300, version.size(), version);
  const bool gzip = absl::StartsWith(payload, "\x1f\x8b");
  Put(image, 0x248, kOffset);
  Put(image, 0x24c, static_cast<std::uint32_t>(payload.size() + (gzip ? 0 : 4)));
  image += payload;
  if (!gzip) Put(image, image.size(), std::uint32_t{0x12345678});
  return image + "whatever follows";
}

std::string CompressLz4Legacy(const std::string& bytes) {
  std::string block(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(bytes.size()))), '\0');
  block.resize(static_cast<std::size_t>(LZ4_compress_default(
      bytes.data(), block.data(), static_cast<int>(bytes.size()), static_cast<int>(block.size()))));
  std::string frame("\x02\x21\x4c\x18", 4);
  Put(frame, 4, static_cast<std::uint32_t>(block.size()));
  return frame + block;
}

std::string MakeModule(const std::string& depends) {
  const std::string info =
      absl::StrCat("license=GPL", std::string(1, '\0'), "depends=", depends, std::string(1, '\0'));
  const std::string names("\0.modinfo\0.shstrtab\0", 20);
  Elf64_Ehdr header = Header(EM_X86_64);
  header.e_type = ET_REL;
  header.e_shoff = sizeof header;
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  Elf64_Shdr modinfo{};
  modinfo.sh_name = 1;
  modinfo.sh_offset = sizeof header + 3 * sizeof modinfo;
  modinfo.sh_size = info.size();
  Elf64_Shdr strings{};
  strings.sh_name = 10;
  strings.sh_offset = modinfo.sh_offset + info.size();
  strings.sh_size = names.size();
  std::string bytes;
  Put(bytes, 0, header);
  Put(bytes, sizeof header, Elf64_Shdr{});
  Put(bytes, sizeof header + sizeof modinfo, modinfo);
  Put(bytes, sizeof header + 2 * sizeof modinfo, strings);
  return bytes + info + names;
}

std::string MakeDeb(const std::string& data_tar_name, const std::string& data_tar) {
  std::string deb = "!<arch>\n";
  const auto add = [&deb](const std::string& name, const std::string& content) {
    char header[61];
    std::snprintf(header, sizeof header, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name.c_str(), 0, 0, 0, 0100644,
                  content.size());
    deb += header + content + (content.size() % 2 == 1 ? "\n" : "");
  };
  add("debian-binary", "2.0\n");
  add("control.tar.xz", CompressForTests(TarBuilder().File("./control", "Package: x\n").Build(), "xz"));
  add(data_tar_name, data_tar);
  return deb;
}

TarBuilder DebianTree() {
  const std::string modules = "./lib/modules/6.1.0-test/";
  TarBuilder tree;
  tree.Directory("./")
      .Directory("./boot/")
      .File("./boot/config-6.1.0-test", "CONFIG_PVH=y")
      .File("./boot/vmlinuz-6.1.0-test", MakeBzImage(CompressLz4Legacy(MakeVmlinux({.virtio_blk = false}))))
      .File(modules + "modules.builtin", "kernel/fs/ext4/ext4.ko\n")
      .File(modules + "kernel/drivers/virtio/virtio.ko", MakeModule("virtio_ring"))
      .File(modules + "kernel/drivers/virtio/virtio_ring.ko.xz", CompressForTests(MakeModule(""), "xz"))
      .File(modules + "kernel/drivers/block/virtio_blk.ko.zst",
            CompressForTests(MakeModule("virtio,virtio_ring"), "zstd"))
      .File(modules + "kernel/drivers/char/hw_random/virtio-rng.ko.gz",
            CompressForTests(MakeModule("virtio"), "gzip"))
      .Symlink(modules + "build", "/usr/src/linux-headers-6.1.0-test");
  return tree;
}

}  // namespace banger::kerneld
