#include "common/digest/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(absl::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

std::string Sha256::HexDigest() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context_.get(), digest, &size);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

std::string Sha256Hex(absl::string_view bytes) {
  Sha256 digest;
  digest.Update(bytes);
  return digest.HexDigest();
}

absl::StatusOr<std::string> Sha256OfFile(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  Sha256 digest;
  std::vector<char> buffer(256 << 10);
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t n, ReadFully(fd.get(), buffer.data(), buffer.size()));
    digest.Update(absl::string_view(buffer.data(), n));
    if (n < buffer.size()) return digest.HexDigest();
  }
}

}  // namespace banger
