// What a registry's token server answers.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"

namespace banger::oci {

struct Token {
  std::string token;
  std::chrono::seconds lifetime{60};
};

// DATA_LOSS for what is no token that could stand in a header. Says nothing of
// the text itself: it may be secret.
absl::StatusOr<Token> ParseToken(const std::string& text);

}  // namespace banger::oci
