#include "services/vmd/adapters/snapshot_seal.h"

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/digest/sparse_sha256.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

std::int64_t Micros(Time time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

json ToJson(const FrozenMachine& machine) {
  return {{"vmm", machine.vmm.vmm},
          {"vmm_version", machine.vmm.version},
          {"host_cpu", machine.vmm.host_cpu},
          {"network_mode", static_cast<int>(machine.network_mode)},
          {"mac", machine.mac}};
}

FrozenMachine MachineFromJson(const json& value) {
  return {.vmm = {.vmm = value.at("vmm").get<std::string>(),
                  .version = value.at("vmm_version").get<std::string>(),
                  .host_cpu = value.at("host_cpu").get<std::string>()},
          .network_mode = static_cast<NetworkMode>(value.at("network_mode").get<int>()),
          .mac = value.at("mac").get<std::string>()};
}

Seal SealFromJson(const json& value) {
  const json& sizes = value.at("sizes");
  const json& kernel = value.at("kernel");
  Seal seal{.snapshot = {.name = value.at("name").get<std::string>(),
                         .create_time =
                             Time(std::chrono::microseconds(value.at("create_time_us").get<std::int64_t>())),
                         .image = value.at("image").get<std::string>(),
                         .sizes = {.vcpu = sizes.at("vcpu").get<int>(),
                                   .memory_mib = sizes.at("memory_mib").get<std::int64_t>(),
                                   .disk_size_bytes = sizes.at("disk_size_bytes").get<std::int64_t>(),
                                   .rootfs_size_bytes = sizes.at("rootfs_size_bytes").get<std::int64_t>()},
                         .workspace = value.at("workspace").get<std::string>(),
                         .kernel = {.release = kernel.at("release").get<std::string>(),
                                    .digest = kernel.at("digest").get<std::string>()}}};
  if (value.contains("machine")) seal.snapshot.machine = MachineFromJson(value.at("machine"));
  for (const auto& [name, file] : value.at("files").items())
    seal.files[name] = {.size_bytes = file.at("size_bytes").get<std::int64_t>(),
                        .digest = file.at("digest").get<std::string>()};
  return seal;
}

absl::StatusOr<SealedFile> DigestFile(const fs::path& path, const std::stop_token& stop) {
  std::error_code error;
  const auto size = static_cast<std::int64_t>(fs::file_size(path, error));
  if (error) return ErrnoError(error.value(), absl::StrCat("read '", path.string(), "'"));
  BANGER_ASSIGN_OR_RETURN(std::string digest, SparseSha256OfFile(path, stop));
  return SealedFile{.size_bytes = size, .digest = std::move(digest)};
}

absl::StatusOr<SealedFiles> DigestAll(const fs::path& directory, const std::vector<std::string>& names,
                                      const std::stop_token& stop) {
  std::vector<std::future<absl::StatusOr<SealedFile>>> reads;
  for (const std::string& name : names)
    reads.push_back(
        std::async(std::launch::async, [path = directory / name, &stop] { return DigestFile(path, stop); }));
  SealedFiles files;
  absl::Status failed;
  for (std::size_t i = 0; i < names.size(); ++i) {
    absl::StatusOr<SealedFile> file = reads[i].get();
    if (!file.ok()) failed = JoinErrors(failed, file.status());
    if (file.ok()) files[names[i]] = *std::move(file);
  }
  if (!failed.ok()) return failed;
  return files;
}

}  // namespace

std::string EncodeSeal(const Seal& seal) {
  const Snapshot& snapshot = seal.snapshot;
  json document = {{"format", kFormat},
                   {"name", snapshot.name},
                   {"create_time_us", Micros(snapshot.create_time)},
                   {"image", snapshot.image},
                   {"sizes",
                    {{"vcpu", snapshot.sizes.vcpu},
                     {"memory_mib", snapshot.sizes.memory_mib},
                     {"disk_size_bytes", snapshot.sizes.disk_size_bytes},
                     {"rootfs_size_bytes", snapshot.sizes.rootfs_size_bytes}}},
                   {"workspace", snapshot.workspace},
                   {"kernel", {{"release", snapshot.kernel.release}, {"digest", snapshot.kernel.digest}}},
                   {"files", json::object()}};
  if (snapshot.machine.has_value()) document["machine"] = ToJson(*snapshot.machine);
  for (const auto& [name, file] : seal.files)
    document["files"][name] = {{"size_bytes", file.size_bytes}, {"digest", file.digest}};
  const std::string line = document.dump(-1, ' ', true, json::error_handler_t::replace);
  return absl::StrCat(line, "\n", Sha256Hex(line), "\n");
}

absl::StatusOr<Seal> DecodeSeal(const std::string& text) {
  const std::size_t end = text.find('\n');
  const std::string line = text.substr(0, end);
  if (end == std::string::npos || text.substr(end) != absl::StrCat("\n", Sha256Hex(line), "\n"))
    return absl::DataLossError("its seal is broken");
  const json document = json::parse(line, nullptr, false);
  if (!document.is_object() || document.value("format", 0) != kFormat)
    return absl::DataLossError("its seal is of another version of banger");
  try {
    return SealFromJson(document);
  } catch (const json::exception&) {
    return absl::DataLossError("its seal is not complete");
  }
}

absl::StatusOr<SealedFiles> DigestFiles(const fs::path& directory, const std::stop_token& stop) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) return ErrnoError(error.value(), absl::StrCat("read '", directory.string(), "'"));
  return DigestAll(directory, names, stop);
}

absl::Status CheckFiles(const fs::path& directory, const SealedFiles& sealed, const std::stop_token& stop) {
  std::vector<std::string> names;
  for (const auto& [name, file] : sealed) {
    std::error_code error;
    const auto size = fs::file_size(directory / name, error);
    if (error) return absl::DataLossError(absl::StrCat("'", name, "' is missing"));
    if (static_cast<std::int64_t>(size) != file.size_bytes)
      return absl::DataLossError(absl::StrCat("'", name, "' has ", size, " bytes, not ", file.size_bytes));
    names.push_back(name);
  }
  BANGER_ASSIGN_OR_RETURN(const SealedFiles found, DigestAll(directory, names, stop));
  for (const auto& [name, file] : sealed)
    if (found.at(name).digest != file.digest)
      return absl::DataLossError(absl::StrCat("'", name, "' is not what was sealed"));
  return absl::OkStatus();
}

}  // namespace banger::vmd
