// Whether what is staged works on this host, seen before anything is replaced.
#pragma once

#include <filesystem>
#include <set>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "cli/update/manifest.h"

namespace banger::cli {

// Runs the programs of the tree, which has these files: they have to run, be what the list
// says, down to the store that vmd knows, and take the configuration that is here.
// FAILED_PRECONDITION, with what they said.
absl::Status VetRelease(const Release& release, const std::filesystem::path& tree,
                        const std::set<std::string>& files, const std::stop_token& stop);

}  // namespace banger::cli
