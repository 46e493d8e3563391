#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/kerneld/core/module_plan.h"

namespace banger::kerneld {

// The modules in a directory that is a /lib/modules/VERSION: *.ko, plain or
// packed as .ko.gz, .ko.xz or .ko.zst. Dependencies are read from the modules
// themselves (.modinfo), so nobody needs to have run depmod.
class ModuleTree final : public ModuleIndex {
 public:
  // An empty path is a tree without any module.
  static absl::StatusOr<ModuleTree> Open(const std::filesystem::path& directory);

  // Whether modules.builtin is there, so that IsBuiltIn knows.
  bool knows_built_ins() const { return knows_built_ins_; }

  void AssumeBuiltIn(const std::string& name) { built_ins_.insert(name); }

  bool IsBuiltIn(const std::string& name) override { return built_ins_.contains(name); }
  bool IsModule(const std::string& name) override { return paths_.contains(name); }
  absl::StatusOr<std::vector<std::string>> DependenciesOf(const std::string& name) override;

  // The module's ELF bytes, unpacked.
  absl::StatusOr<std::string> Load(const std::string& name) const;

 private:
  bool knows_built_ins_ = false;
  std::set<std::string> built_ins_;
  std::map<std::string, std::filesystem::path> paths_;
};

// The names in the "depends=" line of a module; KERNEL_CORRUPT when it is none.
absl::StatusOr<std::vector<std::string>> ModuleDependencies(absl::string_view module);

}  // namespace banger::kerneld
