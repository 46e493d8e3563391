#include "services/imaged/adapters/registry/registry_client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/archive/archive_path.h"
#include "common/archive/archive_reader.h"
#include "common/oci/digest.h"
#include "common/status/error.h"
#include "common/status/source_unreachable.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr std::array kManifestTypes = {"application/vnd.oci.image.index.v1+json",
                                       "application/vnd.oci.image.manifest.v1+json",
                                       "application/vnd.docker.distribution.manifest.list.v2+json",
                                       "application/vnd.docker.distribution.manifest.v2+json"};

// Somebody waits to hear whether there is such an image at all.
constexpr int kResolveRetries = 2;

std::string AcceptManifests() { return absl::StrCat("Accept: ", absl::StrJoin(kManifestTypes, ", ")); }

bool IsManifestType(const std::string& media_type) {
  return std::find(kManifestTypes.begin(), kManifestTypes.end(), media_type) != kManifestTypes.end();
}

// "a/b; charset=utf-8" is "a/b".
std::string MediaTypeOf(const http::ResponseHead& head) {
  const std::string type = head.Field("content-type");
  return std::string(absl::StripAsciiWhitespace(type.substr(0, type.find(';'))));
}

// The root's digest: what the caller insists on, else what the server says, which
// the bytes have to prove.
absl::StatusOr<std::string> DigestOfRoot(const std::string& wanted, const http::ResponseHead& head,
                                         const std::string& text) {
  const std::string claimed = wanted.empty() ? head.Field("docker-content-digest") : wanted;
  const std::string algorithm =
      oci::IsDigest(claimed) ? claimed : absl::StrCat("sha256:", std::string(64, '0'));
  BANGER_ASSIGN_OR_RETURN(oci::Digester digester, oci::Digester::For(algorithm));
  digester.Update(text);
  std::string actual = digester.Digest();
  if (!claimed.empty() && actual != claimed)
    return DigestMismatch("the manifest", PrintableArchivePath(claimed), actual);
  return actual;
}

// Another endpoint may do better.
bool IsWorthAnother(const absl::Status& status) { return !absl::IsCancelled(status) && !status.ok(); }

}  // namespace

absl::StatusOr<std::unique_ptr<RegistryClient>> RegistryClient::Create(RegistryClientOptions options) {
  BANGER_ASSIGN_OR_RETURN(const std::shared_ptr<http::ConnectionPool> pool, http::ConnectionPool::Create());
  std::unique_ptr<RegistryClient> client(new RegistryClient(std::move(options)));
  const RegistryClientOptions& given = client->options_;
  RegistryConfig registry = oci::ConfigOf(given.registries, given.reference.registry);
  for (const std::string& mirror : registry.mirrors)
    client->AddEndpoint(oci::ConfigOf(given.registries, mirror), {}, pool);
  registry.host = oci::ApiHost(registry.host);
  registry.insecure = registry.insecure || given.insecure;
  client->AddEndpoint(registry, given.credentials, pool);
  return client;
}

void RegistryClient::AddEndpoint(const RegistryConfig& registry, const oci::Credentials& credentials,
                                 const std::shared_ptr<http::ConnectionPool>& pool) {
  endpoints_.push_back(std::make_unique<oci::RegistryEndpoint>(oci::RegistryEndpoint::Options{
      .registry = registry,
      .credentials = credentials,
      .scope = absl::StrCat("repository:", options_.reference.repository, ":pull"),
      .pool = pool,
      .patience = options_.patience,
      .on_retry = options_.on_retry}));
}

absl::StatusOr<RegistryClient::Root> RegistryClient::Resolve(const std::stop_token& stop) {
  const oci::Reference& reference = options_.reference;
  const std::string& version = reference.digest.empty() ? reference.tag : reference.digest;
  Root root;
  BANGER_RETURN_IF_ERROR(Try(stop, [&](oci::RegistryEndpoint& endpoint) -> absl::Status {
    BANGER_ASSIGN_OR_RETURN(
        const std::unique_ptr<http::HttpSource> answer,
        endpoint.Get({.path = absl::StrCat("/v2/", reference.repository, "/manifests/", version),
                      .headers = {AcceptManifests()},
                      .max_bytes = kMaxOciDocument,
                      .max_retries = kResolveRetries},
                     stop));
    BANGER_ASSIGN_OR_RETURN(root.text, ReadAll(*answer, kMaxOciDocument));
    BANGER_ASSIGN_OR_RETURN(root.descriptor.digest,
                            DigestOfRoot(reference.digest, answer->head(), root.text));
    root.descriptor.media_type = MediaTypeOf(answer->head());
    root.descriptor.size = static_cast<std::int64_t>(root.text.size());
    return absl::OkStatus();
  }));
  return root;
}

absl::StatusOr<std::string> RegistryClient::ReadDocument(const Descriptor& document,
                                                         const std::stop_token& stop) {
  const bool manifest = IsManifestType(document.media_type);
  std::string text;
  BANGER_RETURN_IF_ERROR(Try(stop, [&](oci::RegistryEndpoint& endpoint) -> absl::Status {
    oci::RegistryEndpoint::Request request{
        .path = absl::StrCat("/v2/", options_.reference.repository, manifest ? "/manifests/" : "/blobs/",
                             document.digest),
        .max_bytes = document.size};
    if (manifest) request.headers = {AcceptManifests()};
    BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<http::HttpSource> answer, endpoint.Get(request, stop));
    BANGER_ASSIGN_OR_RETURN(text, ReadAll(*answer, static_cast<std::size_t>(document.size)));
    BANGER_ASSIGN_OR_RETURN(oci::Digester digester, oci::Digester::For(document.digest));
    digester.Update(text);
    const std::string actual = digester.Digest();
    if (actual != document.digest) return DigestMismatch("a document of the image", document.digest, actual);
    if (static_cast<std::int64_t>(text.size()) != document.size)
      return ImageCorrupt(absl::StrCat("document ", document.digest, " has ", text.size(),
                                       " bytes, its descriptor says ", document.size));
    return absl::OkStatus();
  }));
  return text;
}

absl::Status RegistryClient::Fetch(const Descriptor& blob, std::int64_t offset, const Sink& sink,
                                   const std::stop_token& stop) {
  std::int64_t position = offset;
  // The sink's errors are not the registry's: they are given back as they are.
  absl::Status sunk;
  const absl::Status fetched = Try(stop, [&](oci::RegistryEndpoint& endpoint) -> absl::Status {
    if (!sunk.ok() || position == blob.size) return absl::OkStatus();
    BANGER_ASSIGN_OR_RETURN(
        const std::unique_ptr<http::HttpSource> answer,
        endpoint.Get({.path = absl::StrCat("/v2/", options_.reference.repository, "/blobs/", blob.digest),
                      .max_bytes = blob.size,
                      .from = position,
                      .immutable = true},
                     stop));
    std::string buffer(256 << 10, '\0');
    for (;;) {
      BANGER_ASSIGN_OR_RETURN(const std::size_t count, answer->Read(buffer));
      if (count == 0) break;
      position += static_cast<std::int64_t>(count);
      sunk = sink(absl::string_view(buffer.data(), count));
      if (!sunk.ok()) return absl::OkStatus();
    }
    if (position == blob.size) return absl::OkStatus();
    return ImageCorrupt(
        absl::StrCat("blob ", blob.digest, " has ", position, " bytes, its descriptor says ", blob.size));
  });
  return sunk.ok() ? fetched : sunk;
}

absl::Status RegistryClient::Try(const std::stop_token& stop, const Ask& ask) {
  absl::Status status;
  for (const std::unique_ptr<oci::RegistryEndpoint>& endpoint : endpoints_) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    status = ask(*endpoint);
    if (!IsWorthAnother(status)) return status;
  }
  // The registry itself comes last and has the say.
  return Explain(status);
}

absl::Status RegistryClient::Explain(const absl::Status& status) const {
  const oci::Reference& reference = options_.reference;
  if (!ErrorReason(status).empty()) return status;
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return RemoteImageNotFound(reference.ToString(), status.message());
    case absl::StatusCode::kUnauthenticated:
      return RegistryLoginNeeded(reference.registry, !options_.credentials.empty(), status.message());
    case absl::StatusCode::kPermissionDenied:
      return RegistryDenied(reference.registry, status.message());
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return ImageCorrupt(status.message());
    default:
      return SourceUnreachable(reference.registry, status.message());
  }
}

}  // namespace banger::imaged
