// Any text as a WWW-Authenticate field and as a token server's answer: what is
// taken of it can stand in a header.
#include <cstdint>
#include <cstdlib>

#include "common/oci/challenge.h"
#include "common/oci/token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (const banger::oci::Challenge& challenge : banger::oci::ParseChallenges(text))
    if (challenge.scheme.empty()) std::abort();
  const auto token = banger::oci::ParseToken(std::string(text));
  if (!token.ok()) return 0;
  for (const char c : token->token)
    if (c <= ' ' || c > '~') std::abort();
  if (token->token.empty() || token->lifetime.count() < 60 || token->lifetime.count() > 86400) std::abort();
  return 0;
}
