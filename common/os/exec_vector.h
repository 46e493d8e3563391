// What execve(2) takes and gives.
#pragma once

#include <unistd.h>

#include <string>
#include <vector>

namespace banger {

// Pointers to the texts, which outlive them, and a null.
inline std::vector<char*> ExecVector(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The environment of this process.
inline std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  return variables;
}

}  // namespace banger
