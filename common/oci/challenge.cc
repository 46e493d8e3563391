#include "common/oci/challenge.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace banger::oci {
namespace {

bool IsTokenChar(unsigned char c) {
  return absl::ascii_isalnum(c) ||
         (c != '\0' &&
          absl::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != absl::string_view::npos);
}

class Reader {
 public:
  explicit Reader(absl::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }
  bool Take(absl::string_view literal) { return absl::ConsumePrefix(&rest_, literal); }

  std::string Token() {
    std::size_t size = 0;
    while (size < rest_.size() && IsTokenChar(rest_[size])) ++size;
    const std::string token(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return token;
  }

  // A token or a quoted string.
  std::optional<std::string> Value() {
    if (!Take("\"")) {
      std::string token = Token();
      return token.empty() ? std::nullopt : std::optional<std::string>(std::move(token));
    }
    std::string value;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return std::nullopt;
      value += rest_.front();
      rest_.remove_prefix(1);
    }
    return Take("\"") ? std::optional<std::string>(std::move(value)) : std::nullopt;
  }

 private:
  absl::string_view rest_;
};

}  // namespace

std::vector<Challenge> ParseChallenges(absl::string_view field) {
  std::vector<Challenge> challenges;
  Reader reader(field);
  while (!reader.done()) {
    reader.SkipSpace();
    while (reader.Take(",")) reader.SkipSpace();
    if (reader.done()) break;
    const std::string word = reader.Token();
    if (word.empty()) break;
    reader.SkipSpace();
    // A scheme is followed by its first parameter, a parameter by its value.
    if (!reader.Take("=")) {
      challenges.push_back({absl::AsciiStrToLower(word), {}});
      continue;
    }
    reader.SkipSpace();
    const std::optional<std::string> value = reader.Value();
    if (!value || challenges.empty()) break;
    challenges.back().parameters.emplace(absl::AsciiStrToLower(word), *value);
  }
  return challenges;
}

}  // namespace banger::oci
