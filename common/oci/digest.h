// Content digests as OCI writes them: "sha256:" and 64 lower-case hex digits, or
// "sha512:" and 128.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace banger::oci {

bool IsDigest(absl::string_view text);

// "sha256" of a digest.
std::string DigestAlgorithm(absl::string_view digest);

// What follows the algorithm.
std::string DigestHex(absl::string_view digest);

// Computes a digest over bytes that come in pieces. Not thread-safe.
class Digester {
 public:
  // By the algorithm of `digest`, for comparing with it. INVALID_ARGUMENT when
  // that is no digest.
  static absl::StatusOr<Digester> For(absl::string_view digest);
  ~Digester();
  Digester(Digester&&) noexcept;
  Digester& operator=(Digester&&) noexcept;

  void Update(absl::string_view bytes);

  // With its algorithm. Ends the digest; nothing may follow.
  std::string Digest();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  explicit Digester(std::string algorithm);

  std::string algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// Of `bytes`, by the algorithm of `digest`, which must be one.
bool HasDigest(absl::string_view bytes, absl::string_view digest);

}  // namespace banger::oci
