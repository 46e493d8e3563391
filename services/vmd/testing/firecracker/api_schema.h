// Firecracker's published API description, to check requests against.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"

namespace banger::vmd {

// api.yaml as JSON; made by the build.
extern const char kFirecrackerApi[];

class ApiSchema {
 public:
  // Of api.yaml, which is compiled in.
  ApiSchema();

  // INVALID_ARGUMENT that names what the description does not allow: the path, its
  // method, a field, its type or its value.
  absl::Status Check(const std::string& method, const std::string& path, const nlohmann::json& body) const;

 private:
  absl::Status CheckValue(const nlohmann::json& schema, const nlohmann::json& value,
                          const std::string& at) const;
  absl::Status CheckObject(const nlohmann::json& schema, const nlohmann::json& value,
                           const std::string& at) const;

  const nlohmann::json document_;
};

}  // namespace banger::vmd
