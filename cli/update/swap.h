// A staged release into its place and back. Each item changes in one step that is done or
// not done, and each function may be called again after it was interrupted anywhere.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "cli/update/journal.h"

namespace banger::cli {

// Single steps. Tests have one that dies at some step.
class Mover {
 public:
  virtual ~Mover() = default;
  virtual absl::Status Exchange(const std::filesystem::path& one, const std::filesystem::path& other);
  // To where nothing is.
  virtual absl::Status Move(const std::filesystem::path& from, const std::filesystem::path& to);
};

enum class Swapped { kNothing, kSome, kAll };
Swapped HowFar(const std::vector<SwapItem>& items, const std::filesystem::path& prefix);

// Both are on disk when they return. Back undoes all that it can also when something fails.
absl::Status SwapIn(const std::vector<SwapItem>& items, const std::filesystem::path& tree,
                    const std::filesystem::path& prefix, Mover& mover);
absl::Status SwapBack(const std::vector<SwapItem>& items, const std::filesystem::path& tree,
                      const std::filesystem::path& prefix, Mover& mover);

}  // namespace banger::cli
