#include "cli/remote/certificate.h"

#include <openssl/pem.h>

#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/tls/openssl.h"

namespace banger::cli {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;

// The user's files: all that is wrong with them is for the user to mend.
absl::Status Unusable(const std::string& file, const std::string& why) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "CERTIFICATE_UNUSABLE",
                  absl::StrCat("'", file, "': ", why), {{"file", file}});
}

absl::StatusOr<std::string> Read(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile(file, kMaxFile);
  if (!text.ok())
    return Unusable(file, absl::IsNotFound(text.status()) ? "there is no such file"
                                                          : std::string(text.status().message()));
  return text;
}

absl::StatusOr<CertificatePtr> ParseCertificate(const std::string& file, const std::string& text) {
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return Unusable(file, "it is no certificate (PEM)");
  return certificate;
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm broken_down{};
  if (ASN1_TIME_to_tm(time, &broken_down) != 1) return absl::InfinitePast();
  return absl::FromTimeT(::timegm(&broken_down));
}

std::string Text(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

absl::Status CheckTime(const std::string& file, const X509* certificate) {
  const absl::Time now = absl::Now();
  const absl::Time from = TimeOf(X509_get0_notBefore(certificate));
  const absl::Time to = TimeOf(X509_get0_notAfter(certificate));
  if (now > to) return Unusable(file, absl::StrCat("it has expired, at ", Text(to)));
  if (now < from) return Unusable(file, absl::StrCat("it is not valid yet, but from ", Text(from)));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ClientFiles> ReadClientFiles(const RemoteContext& context) {
  ClientFiles files;
  BANGER_ASSIGN_OR_RETURN(files.ca, Read(context.ca));
  BANGER_ASSIGN_OR_RETURN(files.cert, Read(context.cert));
  BANGER_ASSIGN_OR_RETURN(files.key, Read(context.key));
  BANGER_RETURN_IF_ERROR(ParseCertificate(context.ca, files.ca).status());
  BANGER_ASSIGN_OR_RETURN(const CertificatePtr certificate, ParseCertificate(context.cert, files.cert));
  BANGER_RETURN_IF_ERROR(CheckTime(context.cert, certificate.get()));
  const BioPtr bio(BIO_new_mem_buf(files.key.data(), static_cast<int>(files.key.size())));
  const auto no_password = [](char*, int, int, void*) { return -1; };
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (key == nullptr) return Unusable(context.key, "it is no key (PEM, without a password)");
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return Unusable(context.key, absl::StrCat("it is not the key of '", context.cert, "'"));
  return files;
}

absl::StatusOr<std::chrono::system_clock::time_point> ExpiryOf(const std::string& file) {
  BANGER_ASSIGN_OR_RETURN(const std::string text, Read(file));
  BANGER_ASSIGN_OR_RETURN(const CertificatePtr certificate, ParseCertificate(file, text));
  return absl::ToChronoTime(TimeOf(X509_get0_notAfter(certificate.get())));
}

}  // namespace banger::cli
