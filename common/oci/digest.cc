#include "common/oci/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace banger::oci {
namespace {

std::size_t HexDigitsOf(absl::string_view algorithm) {
  if (algorithm == "sha256") return 64;
  return algorithm == "sha512" ? 128 : 0;
}

}  // namespace

bool IsDigest(absl::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == absl::string_view::npos) return false;
  const absl::string_view hex = text.substr(colon + 1);
  const std::size_t digits = HexDigitsOf(text.substr(0, colon));
  return digits > 0 && hex.size() == digits && std::all_of(hex.begin(), hex.end(), [](unsigned char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

std::string DigestAlgorithm(absl::string_view digest) {
  return std::string(digest.substr(0, std::min(digest.find(':'), digest.size())));
}

std::string DigestHex(absl::string_view digest) {
  return std::string(digest.substr(std::min(digest.find(':') + 1, digest.size())));
}

absl::StatusOr<Digester> Digester::For(absl::string_view digest) {
  if (!IsDigest(digest))
    return absl::InvalidArgumentError(absl::StrCat("'", absl::CHexEscape(digest.substr(0, 140)),
                                                   "' is neither a sha256 nor a sha512 digest"));
  return Digester(DigestAlgorithm(digest));
}

Digester::Digester(std::string algorithm) : algorithm_(std::move(algorithm)), context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), algorithm_ == "sha512" ? EVP_sha512() : EVP_sha256(), nullptr);
}

void Digester::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Digester::~Digester() = default;
Digester::Digester(Digester&&) noexcept = default;
Digester& Digester::operator=(Digester&&) noexcept = default;

void Digester::Update(absl::string_view bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string Digester::Digest() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context_.get(), digest, &size);
  return absl::StrCat(algorithm_, ":",
                      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size)));
}

bool HasDigest(absl::string_view bytes, absl::string_view digest) {
  absl::StatusOr<Digester> digester = Digester::For(digest);
  if (!digester.ok()) return false;
  digester->Update(bytes);
  return digester->Digest() == digest;
}

}  // namespace banger::oci
