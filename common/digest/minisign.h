// Detached Ed25519 signatures in minisign's format.
#pragma once

#include <array>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger {

// A public key: the base64 line of a minisign.pub, "RWQ...".
class MinisignKey {
 public:
  // INVALID_ARGUMENT for what is none.
  static absl::StatusOr<MinisignKey> Parse(absl::string_view base64);

  // PERMISSION_DENIED unless `signature`, the content of a .minisig file, was
  // made with the secret half of this key over exactly these bytes. Both forms
  // are known: over the bytes themselves ("Ed") and over their BLAKE2b-512
  // ("ED"). The trusted comment has to be signed, too.
  absl::Status Verify(absl::string_view bytes, absl::string_view signature) const;

 private:
  static constexpr std::size_t kIdSize = 8;
  static constexpr std::size_t kKeySize = 32;

  std::array<unsigned char, kIdSize> id_{};
  std::array<unsigned char, kKeySize> key_{};
};

}  // namespace banger
