#include "services/kerneld/adapters/module_tree.h"

#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/archive/archive_reader.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/elf_file.h"
#include "services/kerneld/adapters/mapped_file.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kMaxModule = 64 << 20;

// "virtio_blk" of "virtio-blk.ko.xz"; nothing for what is no module.
std::optional<std::string> ModuleName(const std::string& file_name) {
  absl::string_view name = file_name;
  for (const char* packing : {".gz", ".xz", ".zst"})
    if (absl::ConsumeSuffix(&name, packing)) break;
  if (!absl::ConsumeSuffix(&name, ".ko")) return std::nullopt;
  return CanonicalModuleName(name);
}

absl::StatusOr<std::set<std::string>> ReadBuiltIns(const fs::path& path) {
  BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::set<std::string> names;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::optional<std::string> name = ModuleName(fs::path(std::string(line)).filename());
    if (name.has_value()) names.insert(*name);
  }
  return names;
}

}  // namespace

absl::StatusOr<ModuleTree> ModuleTree::Open(const fs::path& directory) {
  ModuleTree tree;
  if (directory.empty()) return tree;
  std::error_code error;
  fs::recursive_directory_iterator it(directory, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (it->symlink_status().type() != fs::file_type::regular) continue;
    const std::optional<std::string> name = ModuleName(it->path().filename());
    if (name.has_value()) tree.paths_[*name] = it->path();
  }
  if (error) return ErrnoError(error.value(), absl::StrCat("read '", directory.string(), "'"));
  const fs::path built_ins = directory / "modules.builtin";
  tree.knows_built_ins_ = fs::symlink_status(built_ins, error).type() == fs::file_type::regular;
  if (tree.knows_built_ins_) {
    BANGER_ASSIGN_OR_RETURN(tree.built_ins_, ReadBuiltIns(built_ins));
  }
  return tree;
}

absl::StatusOr<std::vector<std::string>> ModuleTree::DependenciesOf(const std::string& name) {
  BANGER_ASSIGN_OR_RETURN(const std::string module, Load(name));
  const absl::StatusOr<std::vector<std::string>> dependencies = ModuleDependencies(module);
  if (!dependencies.ok()) return Annotate(dependencies.status(), absl::StrCat("module '", name, "'"));
  return dependencies;
}

absl::StatusOr<std::string> ModuleTree::Load(const std::string& name) const {
  const auto found = paths_.find(name);
  if (found == paths_.end()) return KernelCorrupt(absl::StrCat("module '", name, "' is not there"));
  BANGER_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(found->second));
  if (found->second.extension() == ".ko") return std::string(file.bytes());
  MemorySource packed(file.bytes());
  absl::StatusOr<ArchiveReader> reader = ArchiveReader::OpenCompressed(packed, {.max_bytes = kMaxModule});
  absl::Status status = reader.status();
  if (status.ok()) status = reader->Next().status();
  if (status.ok()) {
    EntrySource unpacked(*reader);
    absl::StatusOr<std::string> bytes = ReadAll(unpacked, kMaxModule);
    if (bytes.ok()) return bytes;
    status = bytes.status();
  }
  return KernelCorrupt(absl::StrCat("unpack module '", name, "': ", status.message()));
}

absl::StatusOr<std::vector<std::string>> ModuleDependencies(absl::string_view module) {
  BANGER_ASSIGN_OR_RETURN(const ElfFile elf, ElfFile::Parse(module));
  const std::optional<absl::string_view> info = elf.FindSection(".modinfo");
  if (!info.has_value()) return KernelCorrupt("it has no .modinfo");
  std::vector<std::string> names;
  for (absl::string_view line : absl::StrSplit(*info, '\0', absl::SkipEmpty())) {
    if (!absl::ConsumePrefix(&line, "depends=")) continue;
    for (const absl::string_view name : absl::StrSplit(line, ',', absl::SkipEmpty()))
      names.push_back(CanonicalModuleName(name));
  }
  return names;
}

}  // namespace banger::kerneld
