#include "common/oci/token.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"

namespace banger::oci {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 20;
constexpr std::int64_t kLeastSeconds = 60;
constexpr std::int64_t kDay = 86400;

std::string Text(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

absl::StatusOr<Token> ParseToken(const std::string& text) {
  bool too_deep = false;
  const auto within_depth = [&too_deep](int depth, json::parse_event_t, const json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  const json answer = json::parse(text, within_depth, /*allow_exceptions=*/false);
  if (too_deep || !answer.is_object())
    return absl::DataLossError("the token server's answer is no JSON object");
  Token token{.token = Text(answer, "token")};
  if (token.token.empty()) token.token = Text(answer, "access_token");
  const bool sound =
      !token.token.empty() && std::all_of(token.token.begin(), token.token.end(),
                                          [](unsigned char c) { return absl::ascii_isgraph(c); });
  if (!sound) return absl::DataLossError("the token server's answer has no usable token");
  const auto lifetime = answer.find("expires_in");
  if (lifetime != answer.end() && lifetime->is_number_integer())
    token.lifetime = std::chrono::seconds(std::clamp(lifetime->get<std::int64_t>(), kLeastSeconds, kDay));
  return token;
}

}  // namespace banger::oci
