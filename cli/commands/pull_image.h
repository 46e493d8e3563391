// The call that "image pull", "vm run" and "vm create" share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "banger/image/v1/image_service.pb.h"

namespace banger::cli {

class Client;

struct PullSpec {
  std::string reference;
  std::string name;  // empty: made from the reference
  std::string kernel;
  std::optional<std::int64_t> size_bytes;
  std::string platform;
  std::string auth_file;
  bool insecure = false;
};

// Shows progress, which begins with where the image comes from. Errors say what
// was tried.
absl::StatusOr<image::v1::Image> PullImage(Client& client, const PullSpec& spec);

}  // namespace banger::cli
