#include "common/digest/minisign.h"

#include <sodium.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace banger {
namespace {

constexpr std::size_t kAlgorithmSize = 2;
constexpr std::size_t kSignatureSize = crypto_sign_BYTES;
constexpr absl::string_view kTrustedComment = "trusted comment: ";

absl::Status Refused(absl::string_view why) {
  return absl::PermissionDeniedError(absl::StrCat("signature: ", why));
}

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Exactly `size` bytes out of base64, else empty.
std::string Decode(absl::string_view base64, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t length = 0;
  const char* end = nullptr;
  const int result = sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), size, base64.data(),
                                       base64.size(), nullptr, &length, &end, sodium_base64_VARIANT_ORIGINAL);
  return result == 0 && length == size && end == base64.data() + base64.size() ? bytes : std::string();
}

bool Signed(absl::string_view signature, absl::string_view message, const unsigned char* key) {
  return crypto_sign_verify_detached(Bytes(signature), Bytes(message), message.size(), key) == 0;
}

std::string Blake2b(absl::string_view bytes) {
  std::string hash(crypto_generichash_BYTES_MAX, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(), Bytes(bytes), bytes.size(),
                     nullptr, 0);
  return hash;
}

}  // namespace

absl::StatusOr<MinisignKey> MinisignKey::Parse(absl::string_view base64) {
  const std::string bytes = Decode(absl::StripAsciiWhitespace(base64), kAlgorithmSize + kIdSize + kKeySize);
  if (!absl::StartsWith(bytes, "Ed"))
    return absl::InvalidArgumentError("is no minisign public key (\"RW...\")");
  MinisignKey key;
  const auto id = bytes.begin() + kAlgorithmSize;
  std::copy(id, id + kIdSize, key.id_.begin());
  std::copy(id + kIdSize, bytes.end(), key.key_.begin());
  return key;
}

absl::Status MinisignKey::Verify(absl::string_view bytes, absl::string_view signature) const {
  if (sodium_init() < 0) return absl::InternalError("libsodium does not start");
  std::vector<absl::string_view> lines = absl::StrSplit(signature, '\n');
  for (absl::string_view& line : lines) line = absl::StripSuffix(line, "\r");
  if (lines.size() < 4 || !absl::ConsumePrefix(&lines[2], kTrustedComment))
    return Refused("it is none of minisign's");
  const std::string packet = Decode(lines[1], kAlgorithmSize + kIdSize + kSignatureSize);
  const std::string global = Decode(lines[3], kSignatureSize);
  const bool prehashed = absl::StartsWith(packet, "ED");
  if (global.empty() || (!prehashed && !absl::StartsWith(packet, "Ed")))
    return Refused("it is none of minisign's");
  if (!std::equal(id_.begin(), id_.end(), Bytes(packet) + kAlgorithmSize))
    return Refused("it was made with another key");
  const absl::string_view made = absl::string_view(packet).substr(kAlgorithmSize + kIdSize);
  if (!(prehashed ? Signed(made, Blake2b(bytes), key_.data()) : Signed(made, bytes, key_.data())))
    return Refused("it does not fit the content");
  if (!Signed(global, absl::StrCat(made, lines[2]), key_.data()))
    return Refused("its trusted comment was changed");
  return absl::OkStatus();
}

}  // namespace banger
