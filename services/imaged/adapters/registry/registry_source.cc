#include "services/imaged/adapters/registry/registry_source.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/oci/platform.h"
#include "common/oci/reference.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/registry/pull_builder.h"
#include "services/imaged/adapters/registry/registry_client.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

absl::StatusOr<oci::Platform> PlatformFor(const std::string& wanted, const std::string& arch) {
  const oci::Platform host = oci::PlatformOf(arch);
  if (wanted.empty()) return host;
  const absl::StatusOr<oci::Platform> platform = oci::ParsePlatform(wanted);
  if (!platform.ok()) return RequestInvalid("platform", platform.status().message());
  if (platform->os != host.os || platform->architecture != host.architecture)
    return RequestInvalid("platform", absl::StrCat("'", wanted, "' does not run on this host, which is ",
                                                   host.os, "/", host.architecture));
  return *platform;
}

}  // namespace

absl::StatusOr<RemoteImage> RegistrySource::Find(const PullSpec& spec, const ProgressFn& progress,
                                                 const std::stop_token& stop) {
  const absl::StatusOr<oci::Reference> reference = oci::ParseReference(spec.reference);
  if (!reference.ok()) return ReferenceInvalid(spec.reference, reference.status().message());
  BANGER_ASSIGN_OR_RETURN(const oci::Platform platform, PlatformFor(spec.platform, arch_));
  const auto listener = std::make_shared<PullListener>(progress);
  listener->Tell({.stage = "resolve", .detail = reference->ToString()});
  BANGER_ASSIGN_OR_RETURN(
      std::shared_ptr<RegistryClient> client,
      RegistryClient::Create({.reference = *reference,
                              .credentials = {.username = spec.login.username,
                                              .password = spec.login.password,
                                              .identity_token = spec.login.identity_token},
                              .insecure = spec.insecure,
                              .registries = registries_,
                              .patience = patience_,
                              .on_retry = [listener](absl::string_view why) {
                                listener->Tell({.stage = "wait", .detail = std::string(why)});
                              }}));
  BANGER_ASSIGN_OR_RETURN(RegistryClient::Root root, client->Resolve(stop));
  const Descriptor descriptor = root.descriptor;
  RegistryDocuments documents(*client, std::move(root), stop);
  BANGER_ASSIGN_OR_RETURN(OciImage image, ReadOciImage(documents, descriptor, platform));
  RemoteImage found{.reference = reference->ToString(), .digest = image.digest};
  found.builder = std::make_unique<PullBuilder>(cache_, std::move(client), std::move(image), listener);
  return found;
}

}  // namespace banger::imaged
