// References to images in registries, as people write them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::oci {

//   debian                    docker.io/library/debian:latest
//   user/app:v1               docker.io/user/app:v1
//   host.example/a/b@sha256:X host.example/a/b@sha256:X
//   localhost:5000/a:v1       what stands before the first slash is a registry
//                             when it is localhost or has a dot, colon or capital
struct Reference {
  std::string registry;    // with its port: "docker.io", "[::1]:5000"
  std::string repository;  // "library/debian"
  std::string tag;         // empty only beside a digest
  std::string digest;      // may be empty; counts before the tag

  // In full, with all defaults.
  std::string ToString() const;

  friend bool operator==(const Reference&, const Reference&) = default;
};

// INVALID_ARGUMENT, naming the reference and what is wrong with it.
absl::StatusOr<Reference> ParseReference(absl::string_view text);

// The host that serves the registry's API; not the same for docker.io.
std::string ApiHost(const std::string& registry);

// What an image of that reference is called when nobody says it: the last part
// of the repository and the tag, unless that is "latest"; with a digest only,
// its first 12 digits. "debian", "debian-bookworm", "app-1f2e3d4c5b6a".
std::string ImageIdOf(const Reference& reference);

}  // namespace banger::oci
