#pragma once

#include <sodium.h>

#include <array>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace banger {

// Signs as minisign does, with a key of its own.
class MinisignSigner {
 public:
  MinisignSigner() {
    if (sodium_init() < 0) std::abort();
    crypto_sign_keypair(public_.data(), secret_.data());
    randombytes_buf(id_.data(), id_.size());
  }

  std::string public_key() const { return Base64(absl::StrCat("Ed", Text(id_), Text(public_))); }

  std::string Sign(absl::string_view bytes, bool prehashed = true,
                   absl::string_view comment = "a test") const {
    std::string message(bytes);
    if (prehashed) {
      message.assign(crypto_generichash_BYTES_MAX, '\0');
      crypto_generichash(reinterpret_cast<unsigned char*>(message.data()), message.size(),
                         reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
    }
    const std::string made = RawSignature(message);
    return absl::StrCat(
        "untrusted comment: made by a test\n", Base64(absl::StrCat(prehashed ? "ED" : "Ed", Text(id_), made)),
        "\ntrusted comment: ", comment, "\n", Base64(RawSignature(absl::StrCat(made, comment))), "\n");
  }

 private:
  template <std::size_t kSize>
  static std::string Text(const std::array<unsigned char, kSize>& bytes) {
    return {bytes.begin(), bytes.end()};
  }
  static std::string Base64(const std::string& bytes) {
    std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                      bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    text.resize(std::strlen(text.c_str()));
    return text;
  }
  std::string RawSignature(const std::string& message) const {
    std::array<unsigned char, crypto_sign_BYTES> signature{};
    crypto_sign_detached(signature.data(), nullptr, reinterpret_cast<const unsigned char*>(message.data()),
                         message.size(), secret_.data());
    return Text(signature);
  }

  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> public_{};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret_{};
  std::array<unsigned char, 8> id_{};
};

}  // namespace banger
