#include "common/json/fields.h"

#include <limits>

#include "absl/strings/str_cat.h"

namespace banger {

absl::StatusOr<Json> ParseJsonObject(const std::string& text) {
  Json json = Json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::DataLossError("it is no JSON object");
  return json;
}

absl::Status TakeStrings(const Json& json,
                         std::initializer_list<std::pair<const char*, std::string*>> fields) {
  for (const auto& [name, value] : fields) {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) continue;
    if (!found->is_string()) return absl::DataLossError(absl::StrCat("'", name, "' is no string"));
    *value = found->get<std::string>();
  }
  return absl::OkStatus();
}

absl::Status TakeCount(const Json& json, const char* name, std::int64_t& value) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return absl::OkStatus();
  const bool fits = found->is_number_unsigned() &&
                    found->get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  if (!fits) return absl::DataLossError(absl::StrCat("'", name, "' is no whole number from 0 on"));
  value = found->get<std::int64_t>();
  return absl::OkStatus();
}

}  // namespace banger
