#include <fcntl.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/archive/byte_source.h"
#include "common/archive/compressor.h"
#include "common/archive/tar_writer.h"
#include "common/digest/sha256.h"
#include "common/ext4/ext4_reader.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/build_root.h"
#include "services/imaged/adapters/image_export.h"
#include "services/imaged/adapters/tree_tar.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

using Json = nlohmann::ordered_json;

struct Layer {
  std::string diff_id;
  std::string digest;
  std::int64_t size = 0;
};

absl::Status Written(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? DiskFull(status.message()) : status;
}

// ext4 -> tar -> diff_id and gzip -> digest and file, all in one pass.
absl::StatusOr<Layer> WriteLayer(const ExportJob& job, const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(const Ext4Reader reader, Ext4Reader::Open(job.rootfs));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL));
  Layer layer;
  Sha256 digest;
  GzipCompressor gzip([&](absl::string_view bytes) {
    digest.Update(bytes);
    layer.size += static_cast<std::int64_t>(bytes.size());
    return Written(WriteFully(file.get(), bytes));
  });
  Sha256 diff_id;
  TarWriter tar([&](absl::string_view bytes) {
    diff_id.Update(bytes);
    return gzip.Write(bytes);
  });
  Progress step{.stage = "pack", .total_bytes = job.image.disk_bytes};
  const auto count = [&](std::int64_t bytes) {
    step.done_bytes += bytes;
    job.progress(step);
  };
  BANGER_RETURN_IF_ERROR(WriteTree(reader, tar, count, job.stop));
  BANGER_RETURN_IF_ERROR(gzip.Finish());
  layer.diff_id = absl::StrCat("sha256:", diff_id.HexDigest());
  layer.digest = digest.HexDigest();
  return layer;
}

std::string OciArch(const std::string& arch) {
  if (arch == "x86_64") return "amd64";
  if (arch == "aarch64") return "arm64";
  return arch;
}

std::string ConfigOf(const Image& image, const Layer& layer) {
  Json run = Json::object();
  if (!image.config.env.empty()) run["Env"] = image.config.env;
  if (!image.config.working_dir.empty()) run["WorkingDir"] = image.config.working_dir;
  if (!image.config.user.empty()) run["User"] = image.config.user;
  if (!image.config.entrypoint.empty()) run["Entrypoint"] = image.config.entrypoint;
  if (!image.config.cmd.empty()) run["Cmd"] = image.config.cmd;
  const Json config = {{"architecture", OciArch(image.arch)},
                       {"os", "linux"},
                       {"config", run},
                       {"rootfs", {{"type", "layers"}, {"diff_ids", Json::array({layer.diff_id})}}},
                       {"history", Json::array({{{"created_by", "banger image export"}}})}};
  return config.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json Descriptor(const char* type, const std::string& hex, std::int64_t size) {
  return {{"mediaType", type}, {"digest", absl::StrCat("sha256:", hex)}, {"size", size}};
}

absl::Status AddText(TarWriter& tar, const std::string& path, const std::string& text) {
  const auto size = static_cast<std::int64_t>(text.size());
  BANGER_RETURN_IF_ERROR(tar.Begin({.path = path, .mode = 0644, .size = size}, {{0, size}}));
  return tar.Write(text);
}

absl::Status AddFile(TarWriter& tar, const std::string& path, const std::filesystem::path& from,
                     const ExportJob& job, std::int64_t size) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(from, O_RDONLY));
  BANGER_RETURN_IF_ERROR(tar.Begin({.path = path, .mode = 0644, .size = size}, {{0, size}}));
  FdSource source(file.get());
  std::vector<char> buffer(1 << 20);
  Progress step{.stage = "send", .total_bytes = size};
  for (;;) {
    if (job.stop.stop_requested()) return absl::CancelledError("the caller has left");
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) return absl::OkStatus();
    BANGER_RETURN_IF_ERROR(tar.Write(absl::string_view(buffer.data(), count)));
    step.done_bytes += static_cast<std::int64_t>(count);
    job.progress(step);
  }
}

}  // namespace

absl::Status ExportOciArchive(const ExportJob& job, const ExportSink& sink) {
  const std::filesystem::path spooled = job.scratch / "layer.tar.gz";
  const absl::StatusOr<Layer> layer = WriteLayer(job, spooled);
  if (!layer.ok()) return AsArchiveError(layer.status());
  const std::string config = ConfigOf(job.image, *layer);
  const Json manifest = {
      {"schemaVersion", 2},
      {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
      {"config", Descriptor("application/vnd.oci.image.config.v1+json", Sha256Hex(config),
                            static_cast<std::int64_t>(config.size()))},
      {"layers",
       Json::array({Descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer->digest, layer->size)})}};
  const std::string manifest_text = manifest.dump();
  Json entry = Descriptor("application/vnd.oci.image.manifest.v1+json", Sha256Hex(manifest_text),
                          static_cast<std::int64_t>(manifest_text.size()));
  entry["platform"] = {{"architecture", OciArch(job.image.arch)}, {"os", "linux"}};
  entry["annotations"] = {{"org.opencontainers.image.ref.name", job.image.id}};
  const Json index = {{"schemaVersion", 2},
                      {"mediaType", "application/vnd.oci.image.index.v1+json"},
                      {"manifests", Json::array({entry})}};
  TarWriter tar(sink);
  BANGER_RETURN_IF_ERROR(AddText(tar, "oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  BANGER_RETURN_IF_ERROR(AddText(tar, "index.json", index.dump()));
  const auto blob = [](const std::string& hex) { return absl::StrCat("blobs/sha256/", hex); };
  BANGER_RETURN_IF_ERROR(AddText(tar, blob(Sha256Hex(manifest_text)), manifest_text));
  BANGER_RETURN_IF_ERROR(AddText(tar, blob(Sha256Hex(config)), config));
  BANGER_RETURN_IF_ERROR(AddFile(tar, blob(layer->digest), spooled, job, layer->size));
  return tar.Finish();
}

}  // namespace banger::imaged
