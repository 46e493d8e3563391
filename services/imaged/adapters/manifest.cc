#include "services/imaged/adapters/manifest.h"

#include "services/imaged/adapters/json_fields.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const ImageConfig& config) {
  return {{"env", config.env},
          {"working_dir", config.working_dir},
          {"user", config.user},
          {"entrypoint", config.entrypoint},
          {"cmd", config.cmd}};
}

std::string Dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string FormatBundleManifest(const Image& image) {
  return Dump({{"arch", image.arch}, {"os", image.os}, {"config", ToJson(image.config)}});
}

std::string FormatManifest(const Image& image) {
  Json manifest = {
      {"kernel", image.kernel},         {"arch", image.arch},
      {"source", image.source},         {"os", image.os},
      {"size_bytes", image.size_bytes}, {"create_time", image.create_time},
      {"built_in", image.built_in},     {"digest", image.digest},
      {"config", ToJson(image.config)},
  };
  if (image.in_place.has_value())
    manifest["in_place"] = {{"path", image.in_place->path.string()},
                            {"device", image.in_place->device},
                            {"inode", image.in_place->inode},
                            {"size_bytes", image.in_place->size_bytes},
                            {"mtime_nanoseconds", image.in_place->mtime_nanoseconds}};
  return Dump(manifest);
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
  if (const nlohmann::json file = Member(manifest, "in_place"); file.is_object())
    image.in_place = {.path = Text(file, "path"),
                      .device = static_cast<std::uint64_t>(Integer(file, "device")),
                      .inode = static_cast<std::uint64_t>(Integer(file, "inode")),
                      .size_bytes = Integer(file, "size_bytes"),
                      .mtime_nanoseconds = Integer(file, "mtime_nanoseconds")};
  return image;
}

}  // namespace banger::imaged
