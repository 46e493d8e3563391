// Fields of JSON files from outside, taken with their type or not at all.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger {

using Json = nlohmann::json;

// DATA_LOSS when it is no JSON object.
absl::StatusOr<Json> ParseJsonObject(const std::string& text);

// Takes the named string fields, where there are any; DATA_LOSS for another type.
absl::Status TakeStrings(const Json& json,
                         std::initializer_list<std::pair<const char*, std::string*>> fields);

// Not negative, the same.
absl::Status TakeCount(const Json& json, const char* name, std::int64_t& value);

}  // namespace banger
