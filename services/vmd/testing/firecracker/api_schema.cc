#include "services/vmd/testing/firecracker/api_schema.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace {

using nlohmann::json;

absl::Status Wrong(const std::string& at, const std::string& problem) {
  return absl::InvalidArgumentError(absl::StrCat(at, ": ", problem));
}

bool HasType(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  return type == "integer" && value.is_number_integer();
}

// The values of the template's {names}, when the path is of its shape.
std::optional<std::map<std::string, std::string>> Match(const std::string& shape, const std::string& path) {
  const std::vector<std::string> wanted = absl::StrSplit(shape, '/');
  const std::vector<std::string> given = absl::StrSplit(path, '/');
  if (wanted.size() != given.size()) return std::nullopt;
  std::map<std::string, std::string> names;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool named = wanted[i].size() > 2 && wanted[i].front() == '{';
    if (named ? given[i].empty() : wanted[i] != given[i]) return std::nullopt;
    if (named) names[wanted[i].substr(1, wanted[i].size() - 2)] = given[i];
  }
  return names;
}

}  // namespace

ApiSchema::ApiSchema() : document_(json::parse(kFirecrackerApi)) {}

absl::Status ApiSchema::Check(const std::string& method, const std::string& path, const json& body) const {
  const std::string what = absl::StrCat(method, " ", path);
  for (const auto& [shape, operations] : document_.at("paths").items()) {
    const auto names = Match(shape, path);
    if (!names.has_value()) continue;
    const auto operation = operations.find(absl::AsciiStrToLower(method));
    if (operation == operations.end()) return Wrong(what, "the path has no such method");
    for (const json& parameter : operation->value("parameters", json::array()))
      if (parameter["in"] == "body") BANGER_RETURN_IF_ERROR(CheckValue(parameter["schema"], body, what));
    for (const auto& [name, value] : *names)
      if (body.contains(name) && body[name] != value)
        return Wrong(what, absl::StrCat("'", name, "' differs from the path's"));
    return absl::OkStatus();
  }
  return Wrong(what, "there is no such path");
}

absl::Status ApiSchema::CheckValue(const json& schema, const json& value, const std::string& at) const {
  if (schema.contains("$ref")) {
    const std::vector<std::string> parts = absl::StrSplit(schema["$ref"].get<std::string>(), '/');
    return CheckValue(document_.at("definitions").at(parts.back()), value, at);
  }
  const std::string type = schema.value("type", "object");
  if (!HasType(value, type)) return Wrong(at, absl::StrCat("is no ", type));
  if (const auto allowed = schema.find("enum");
      allowed != schema.end() && std::find(allowed->begin(), allowed->end(), value) == allowed->end())
    return Wrong(at, absl::StrCat(value.dump(), " is not one of ", allowed->dump()));
  if (schema.contains("minimum") && value < schema["minimum"]) return Wrong(at, "is too small");
  if (schema.contains("maximum") && value > schema["maximum"]) return Wrong(at, "is too large");
  if (type == "array")
    for (std::size_t i = 0; i < value.size(); ++i)
      BANGER_RETURN_IF_ERROR(CheckValue(schema["items"], value[i], absl::StrCat(at, "[", i, "]")));
  return type == "object" ? CheckObject(schema, value, at) : absl::OkStatus();
}

absl::Status ApiSchema::CheckObject(const json& schema, const json& value, const std::string& at) const {
  for (const json& name : schema.value("required", json::array()))
    if (!value.contains(name)) return Wrong(at, absl::StrCat("has no ", name.dump()));
  const json properties = schema.value("properties", json::object());
  const json others = schema.value("additionalProperties", json(false));
  for (const auto& [name, field] : value.items()) {
    const std::string inner = absl::StrCat(at, " ", name);
    const bool known = properties.contains(name);
    if (!known && others == true) continue;
    if (!known && !others.is_object()) return Wrong(inner, "is unknown");
    BANGER_RETURN_IF_ERROR(CheckValue(known ? properties[name] : others, field, inner));
  }
  return absl::OkStatus();
}

}  // namespace banger::vmd
