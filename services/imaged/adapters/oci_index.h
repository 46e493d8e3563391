// The parts of image documents that more than one reader needs.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/oci/platform.h"
#include "services/imaged/adapters/blob_fetcher.h"

namespace banger::imaged {

// A JSON object; `what` names it in errors. IMAGE_CORRUPT for anything else, also
// for what is nested so deeply that it would exhaust the stack.
absl::StatusOr<nlohmann::json> ParseOciDocument(const std::string& text, const std::string& what);

// IMAGE_CORRUPT, naming `what`, unless digest and size are sound.
absl::StatusOr<Descriptor> ParseDescriptor(const nlohmann::json& value, const std::string& what);

bool IsIndexType(const std::string& media_type);

// One image of an index.
struct IndexEntry {
  Descriptor descriptor;
  std::optional<oci::Platform> platform;
  std::string tag;  // in a layout's index; may be empty
};

absl::StatusOr<std::vector<IndexEntry>> ParseIndex(const nlohmann::json& index, const std::string& what);

// The entries that fit the platform best; one that names no platform may be for
// any, and is the last choice.
std::vector<IndexEntry> BestFits(const std::vector<IndexEntry>& entries, const oci::Platform& platform);

// "linux/arm64, linux/amd64"; "none".
std::string PlatformsOf(const std::vector<IndexEntry>& entries);

}  // namespace banger::imaged
