#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/oci/reference.h"
#include "common/oci/registry_endpoint.h"
#include "common/sync/mutex.h"
#include "services/imaged/adapters/blob_fetcher.h"
#include "services/imaged/adapters/oci_image.h"

namespace banger::imaged {

struct RegistryClientOptions {
  oci::Reference reference;
  oci::Credentials credentials;  // for the registry; its mirrors get none
  bool insecure = false;         // besides what the configuration allows
  std::vector<RegistryConfig> registries;
  oci::RegistryPatience patience;
  std::function<void(absl::string_view)> on_retry = [](absl::string_view) {};
};

// One repository of a registry over the OCI distribution API, for the time of a
// pull. Its mirrors are asked first, each for whatever the ones before lack.
// Thread-safe.
//
// Errors: REMOTE_IMAGE_NOT_FOUND, REGISTRY_LOGIN_NEEDED, REGISTRY_DENIED,
// SOURCE_UNREACHABLE, DIGEST_MISMATCH, IMAGE_CORRUPT, CANCELLED.
class RegistryClient final : public BlobFetcher {
 public:
  static absl::StatusOr<std::unique_ptr<RegistryClient>> Create(RegistryClientOptions options);

  // What the reference names: a manifest or an index, and its text.
  struct Root {
    Descriptor descriptor;
    std::string text;
  };
  absl::StatusOr<Root> Resolve(const std::stop_token& stop);

  // A manifest or index by its digest, or a small blob; checked.
  absl::StatusOr<std::string> ReadDocument(const Descriptor& document, const std::stop_token& stop);

  absl::Status Fetch(const Descriptor& blob, std::int64_t offset, const Sink& sink,
                     const std::stop_token& stop) override;

 private:
  using Ask = std::function<absl::Status(oci::RegistryEndpoint&)>;

  explicit RegistryClient(RegistryClientOptions options) : options_(std::move(options)) {}
  void AddEndpoint(const RegistryConfig& registry, const oci::Credentials& credentials,
                   const std::shared_ptr<http::ConnectionPool>& pool);
  // The first endpoint that can.
  absl::Status Try(const std::stop_token& stop, const Ask& ask);
  absl::Status Explain(const absl::Status& status) const;

  const RegistryClientOptions options_;
  std::vector<std::unique_ptr<oci::RegistryEndpoint>> endpoints_;
};

// The documents of a pull; the root has been read already.
class RegistryDocuments final : public OciDocuments {
 public:
  RegistryDocuments(RegistryClient& client, RegistryClient::Root root, std::stop_token stop)
      : client_(client), root_(std::move(root)), stop_(std::move(stop)) {}

  absl::StatusOr<std::string> Read(const Descriptor& document) override {
    if (document.digest == root_.descriptor.digest) return root_.text;
    return client_.ReadDocument(document, stop_);
  }

 private:
  RegistryClient& client_;
  const RegistryClient::Root root_;
  const std::stop_token stop_;
};

}  // namespace banger::imaged
