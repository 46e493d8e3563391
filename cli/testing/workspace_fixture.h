#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/testing/vm_fixture.h"

namespace banger::cli {

// A git repository of 13 commits, and a directory that stands for a guest's files.
class WorkspaceTest : public VmTest {
 protected:
  WorkspaceTest();

  // Git as a user has it; expects success.
  static std::string Git(const std::filesystem::path& directory, std::vector<std::string> arguments);
  static void Write(const std::filesystem::path& path, const std::string& content, unsigned mode = 0644);
  static void MakeRepository(const std::filesystem::path& top);

  std::filesystem::path Guest(const std::string& path = "") const {
    return state_.guest_root / "root/app" / path;
  }
  CommandResult Prepare(const std::vector<std::string>& more = {}) const;
  // The same, and expects success.
  void Prepared(const std::vector<std::string>& more = {}) const;
  // What the export of the whole workspace, or since `base`, says.
  std::string Export(const std::string& base = "") const;
  void Apply(const std::string& patch, const std::filesystem::path& to) const;

  // What differs between two trees, but for what git has for itself.
  static std::string Difference(const std::filesystem::path& a, const std::filesystem::path& b);

  const std::filesystem::path repository_ = std::filesystem::canonical(directory_.path()) / "app";
};

}  // namespace banger::cli
