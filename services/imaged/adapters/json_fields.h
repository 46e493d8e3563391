// Members of JSON objects that may be anything: a wrong type counts as absent.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace banger::imaged {

inline nlohmann::json Member(const nlohmann::json& object, const char* name) {
  const auto it = object.is_object() ? object.find(name) : object.end();
  return it == object.end() ? nlohmann::json() : *it;
}

inline std::string Text(const nlohmann::json& object, const char* name) {
  const nlohmann::json value = Member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

inline std::int64_t Integer(const nlohmann::json& object, const char* name) {
  const nlohmann::json value = Member(object, name);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

inline std::vector<std::string> Texts(const nlohmann::json& object, const char* name) {
  std::vector<std::string> texts;
  for (const nlohmann::json& value : Member(object, name))
    if (value.is_string()) texts.push_back(value.get<std::string>());
  return texts;
}

}  // namespace banger::imaged
