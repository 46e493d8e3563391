// Somebody who reads a page of the documentation and types what it says, in a home
// directory of his own.
#pragma once

#include <filesystem>
#include <string>

#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "tests/docs/page.h"

namespace banger::e2e {

class DocsReader {
 public:
  // Against the banger at `banger_root`. Failures are those of the test.
  explicit DocsReader(std::filesystem::path banger_root);

  // Types the block into a shell, in the home directory. The first command that fails
  // ends it; stderr has each command before what it said.
  CommandResult Type(const docs::Block& block) const;

 private:
  void Program(const std::filesystem::path& path, const std::string& script) const;
  std::string Script(const docs::Block& block) const;

  const TempDir home_;
  const std::filesystem::path banger_root_;
};

}  // namespace banger::e2e
