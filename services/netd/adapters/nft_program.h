#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace banger::netd {

// nft(8), the only program that netd executes: by absolute path, without a
// shell, with an environment of its own.
class NftProgram {
 public:
  // FAILED_PRECONDITION when this host has none.
  static absl::StatusOr<NftProgram> Find();

  // One transaction: all of it, or FIREWALL_FAILED and nothing.
  absl::Status Execute(const std::string& text) const;
  // What `nft ARGUMENTS` prints; NOT_FOUND when what it names is not there.
  absl::StatusOr<std::string> Query(const std::vector<std::string>& arguments) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit NftProgram(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace banger::netd
