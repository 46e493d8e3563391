// What a client may do: each role includes those before it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace banger::gateway {

enum class Role {
  kNone,
  kViewer,
  kOperator,
  kAdmin,
  // Nobody has it: methods that need it are between daemons only.
  kNobody,
};

// "viewer"; kNone for every other text.
inline Role RoleNamed(absl::string_view name) {
  if (name == "viewer") return Role::kViewer;
  if (name == "operator") return Role::kOperator;
  if (name == "admin") return Role::kAdmin;
  return Role::kNone;
}

inline std::string NameOf(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
    case Role::kAdmin:
      return "admin";
    case Role::kNone:
    case Role::kNobody:
      break;
  }
  return "none";
}

}  // namespace banger::gateway
