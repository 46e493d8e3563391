#include "services/imaged/adapters/ready_rootfs.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/ext4/ext4_reader.h"
#include "common/os/os_release.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/build_root.h"
#include "services/imaged/adapters/elf_machine.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr std::size_t kMaxOsRelease = 64 << 10;
constexpr std::size_t kElfHeader = 64;

// The begin of a file, nothing when there is none.
absl::StatusOr<std::string> BeginOf(const Ext4Reader& reader, const std::string& path, std::size_t size) {
  const absl::StatusOr<Ext4Reader::Number> file = reader.Find(path);
  if (absl::IsNotFound(file.status())) return std::string();
  BANGER_RETURN_IF_ERROR(file.status());
  BANGER_ASSIGN_OR_RETURN(const Ext4Reader::Node node, reader.Read(*file));
  if (node.type != ext4::Type::kFile) return std::string();
  return reader.ReadBegin(*file, size);
}

absl::StatusOr<BuiltRootfs> Inspect(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(const Ext4Reader reader, Ext4Reader::Open(path));
  BuiltRootfs rootfs{.size_bytes = reader.size_bytes()};
  bool has_program = false;
  for (const char* const program :
       {"/bin/sh", "/usr/bin/sh", "/sbin/init", "/usr/sbin/init", "/init", "/bin/busybox", "/bin/bash"}) {
    BANGER_ASSIGN_OR_RETURN(const std::string begin, BeginOf(reader, program, kElfHeader));
    has_program = has_program || !begin.empty();
    if (rootfs.arch.empty()) rootfs.arch = ArchOfElf(begin);
  }
  if (!has_program)
    return ArchiveRefused("the file system holds no root: it has neither /bin/sh nor /sbin/init nor /init");
  for (const char* const name : {"/etc/os-release", "/usr/lib/os-release"}) {
    BANGER_ASSIGN_OR_RETURN(const std::string text, BeginOf(reader, name, kMaxOsRelease));
    const OsRelease os = ParseOsRelease(text);
    if (rootfs.os.empty()) rootfs.os = os.pretty_name.empty() ? os.id : os.pretty_name;
  }
  return rootfs;
}

}  // namespace

absl::StatusOr<BuiltRootfs> InspectRootfs(const std::filesystem::path& path) {
  absl::StatusOr<BuiltRootfs> rootfs = Inspect(path);
  if (!rootfs.ok()) return AsArchiveError(rootfs.status());
  return rootfs;
}

absl::Status CheckKeepsSize(std::int64_t wanted_bytes) {
  if (wanted_bytes == 0) return absl::OkStatus();
  return RequestInvalid("size_bytes", "is for images that are made here; this one is a ready file system");
}

}  // namespace banger::imaged
