// A small root file system for tests, and what can be made of it.
#pragma once

#include <string>
#include <utility>

#include "common/archive/compress_for_tests.h"
#include "common/archive/tar_builder.h"
#include "common/ext4/ext4_writer.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"

namespace banger::imaged {

// The begin of an x86-64 program.
inline std::string SampleElf(char machine = 62) {
  std::string elf(
      "\x7f"
      "ELF\2\1\1",
      7);
  elf.resize(64);
  elf[18] = machine;
  return elf;
}

// Writes a bootable-looking ext4 with one of everything to `path`.
inline absl::Status WriteSampleRootfs(const std::filesystem::path& path, char machine = 62) {
  using ext4::Attributes;
  using ext4::Type;
  absl::StatusOr<Ext4Writer> writer = Ext4Writer::Create(path);
  if (!writer.ok()) return writer.status();
  ext4::Inode* const root = writer->root();
  absl::Status status;
  const auto file = [&](ext4::Inode* parent, const std::string& name, const std::string& content,
                        Attributes attributes) {
    ext4::Inode* const made = *writer->BeginFile(parent, name, std::move(attributes));
    status.Update(writer->WriteFile(0, content));
    status.Update(writer->EndFile(static_cast<std::int64_t>(content.size())));
    return made;
  };
  ext4::Inode* const bin = *writer->AddDirectory(root, "bin", {.mode = 0755, .mtime_seconds = 1'600'000'000});
  ext4::Inode* const etc = *writer->AddDirectory(root, "etc", {.mode = 0755});
  ext4::Inode* const tmp = *writer->AddDirectory(root, "tmp", {.mode = 01777});
  file(bin, "sh", SampleElf(machine), {.mode = 0755});
  file(etc, "os-release", "PRETTY_NAME=\"Sample 1\"\n", {.mode = 0644});
  ext4::Inode* const ping =
      file(bin, "ping", std::string(100'000, 'p'),
           {.mode = 04755,
            .uid = 100'000,
            .gid = 7,
            .mtime_seconds = 1'700'000'000,
            .mtime_nanoseconds = 123'456'789,
            .xattrs = {{"security.capability", std::string("\1\0\0\2\0\40\0\0", 8) + std::string(12, '\0')},
                       {"user.note", "a=b\nc"}}});
  status.Update(writer->AddHardLink(etc, "ping-too", ping));
  status.Update(writer->AddSymlink(bin, "link", "/etc/os-release", {}).status());
  status.Update(writer->AddSymlink(bin, "long", std::string(200, 'x'), {}).status());
  status.Update(writer->AddSpecial(tmp, "tty", Type::kCharDevice, 5, 300, {.mode = 0620, .gid = 5}).status());
  status.Update(writer->AddSpecial(tmp, "pipe", Type::kFifo, 0, 0, {.mode = 0600}).status());
  file(etc, "n\xc3\xa4me \xff\n" + std::string(120, 'n'), "odd name", {.mode = 0600});
  status.Update(writer->BeginFile(tmp, "sparse", {.mode = 0644}).status());
  status.Update(writer->WriteFile(1 << 20, "in the middle"));
  status.Update(writer->EndFile(5 << 20));
  status.Update(writer->Finish({.size_bytes = 16 << 20, .label = "sample"}));
  return status;
}

// The same as a string.
inline std::string SampleRootfs(char machine = 62) {
  const absl::StatusOr<TempDir> dir = TempDir::Create();
  const std::filesystem::path path = dir->path() / "rootfs.ext4";
  WriteSampleRootfs(path, machine).IgnoreError();
  return *ReadFile(path, 128 << 20);
}

inline std::string SampleBundle(const std::string& rootfs) {
  TarBuilder tar;
  tar.File("manifest.json", R"({"arch": "x86_64", "config": {"env": ["A=b"], "cmd": ["/bin/sh"]}})");
  tar.File("rootfs.ext4", rootfs);
  return CompressForTests(tar.Build(), "zstd");
}

}  // namespace banger::imaged
