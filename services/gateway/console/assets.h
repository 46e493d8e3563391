#pragma once

#include <string>

namespace banger::gateway {

// A file of the page, compiled in (console/web).
struct Asset {
  const char* type;
  const char* text;
};

// Null for a path that is none.
const Asset* FindAsset(const std::string& path);

}  // namespace banger::gateway
