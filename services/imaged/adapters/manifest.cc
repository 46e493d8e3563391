#include "services/imaged/adapters/manifest.h"

#include "services/imaged/adapters/json_fields.h"
#include "services/imaged/errors.h"

namespace banger::imaged {

std::string FormatManifest(const Image& image) {
  const nlohmann::ordered_json manifest = {
      {"kernel", image.kernel},
      {"arch", image.arch},
      {"source", image.source},
      {"os", image.os},
      {"size_bytes", image.size_bytes},
      {"create_time", image.create_time},
      {"built_in", image.built_in},
      {"digest", image.digest},
      {"config",
       {{"env", image.config.env},
        {"working_dir", image.config.working_dir},
        {"user", image.config.user},
        {"entrypoint", image.config.entrypoint},
        {"cmd", image.config.cmd}}},
  };
  return manifest.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Image> ParseManifest(const std::string& text) {
  const nlohmann::json manifest = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!manifest.is_object()) return ImageCorrupt("manifest.json is not a JSON object");
  Image image{.kernel = Text(manifest, "kernel"),
              .arch = Text(manifest, "arch"),
              .source = Text(manifest, "source"),
              .os = Text(manifest, "os"),
              .size_bytes = Integer(manifest, "size_bytes"),
              .create_time = Integer(manifest, "create_time")};
  const nlohmann::json config = Member(manifest, "config");
  image.config = {.env = Texts(config, "env"),
                  .working_dir = Text(config, "working_dir"),
                  .user = Text(config, "user"),
                  .entrypoint = Texts(config, "entrypoint"),
                  .cmd = Texts(config, "cmd")};
  const nlohmann::json built_in = Member(manifest, "built_in");
  image.built_in = built_in.is_boolean() && built_in.get<bool>();
  image.digest = Text(manifest, "digest");
  return image;
}

}  // namespace banger::imaged
