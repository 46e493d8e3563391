#include "common/config/config.h"

#include <toml++/toml.h>

#include <functional>
#include <limits>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

using Setter = std::function<absl::Status(const toml::node&)>;
using Section = std::map<std::string, Setter>;

template <typename T>
Setter Into(T& target) {
  return [&target](const toml::node& node) -> absl::Status {
    const auto value = node.value_exact<T>();
    if (!value.has_value())
      return absl::InvalidArgumentError(std::is_same_v<T, std::string> ? "is not a string"
                                        : std::is_same_v<T, bool>      ? "is neither true nor false"
                                                                       : "is not a whole number");
    target = *value;
    return absl::OkStatus();
  };
}

// Enough to see that it is no address with a scheme or path.
bool IsHost(const std::string& text) {
  return !text.empty() && text.find_first_of("/@ \t") == std::string::npos;
}

template <typename Int>
Setter IntoInt(Int& target, int min, int max) {
  return [&target, min, max](const toml::node& node) -> absl::Status {
    const auto value = node.value_exact<std::int64_t>();
    if (!value.has_value() || *value < min || *value > max)
      return absl::InvalidArgumentError(absl::StrCat("is not a whole number from ", min, " to ", max));
    target = static_cast<Int>(*value);
    return absl::OkStatus();
  };
}

Setter IntoSize(std::int64_t& target) {
  return [&target](const toml::node& node) -> absl::Status {
    const auto text = node.value_exact<std::string>();
    if (!text.has_value()) return absl::InvalidArgumentError("is not a string like \"8G\"");
    BANGER_ASSIGN_OR_RETURN(target, ParseSize(*text));
    return absl::OkStatus();
  };
}

Setter IntoDuration(std::chrono::seconds& target, std::chrono::seconds min) {
  return [&target, min](const toml::node& node) -> absl::Status {
    const auto text = node.value_exact<std::string>();
    if (!text.has_value()) return absl::InvalidArgumentError("is not a string like \"10s\"");
    BANGER_ASSIGN_OR_RETURN(const std::chrono::seconds value, ParseDuration(*text));
    if (value < min) return absl::InvalidArgumentError(absl::StrCat("is less than ", min.count(), "s"));
    target = value;
    return absl::OkStatus();
  };
}

// Notes also who said it.
Setter From(const std::filesystem::path& file, ConfiguredNumber& target, const Setter& value) {
  return [file, &target, value](const toml::node& node) -> absl::Status {
    BANGER_RETURN_IF_ERROR(value(node));
    target.file = file;
    return absl::OkStatus();
  };
}

Setter IntoStrings(std::vector<std::string>& target) {
  return [&target](const toml::node& node) -> absl::Status {
    if (!node.is_array()) return absl::InvalidArgumentError("is not a list of strings");
    target.clear();
    for (const toml::node& item : *node.as_array()) {
      const auto text = item.value_exact<std::string>();
      if (!text.has_value()) return absl::InvalidArgumentError("is not a list of strings");
      target.push_back(*text);
    }
    return absl::OkStatus();
  };
}

absl::Status At(const std::filesystem::path& file, const toml::node& node, const std::string& key,
                absl::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat(file.string(), ":", node.source().begin.line, ": ", key, " ", problem));
}

absl::Status Apply(const toml::table& table, const Section& section, const std::string& prefix,
                   const std::filesystem::path& file) {
  for (const auto& [key, node] : table) {
    const std::string full = prefix + std::string(key.str());
    const auto setter = section.find(std::string(key.str()));
    if (setter == section.end()) return At(file, node, full, "is not a key that banger knows");
    const absl::Status set = setter->second(node);
    // Sections have put their own place into the message.
    if (!set.ok() && set.message().find(".toml:") != absl::string_view::npos) return set;
    if (!set.ok()) return At(file, node, full, set.message());
  }
  return absl::OkStatus();
}

Setter IntoTable(const Section& section, const std::string& name, const std::filesystem::path& file) {
  return [section, name, file](const toml::node& node) -> absl::Status {
    if (!node.is_table()) return absl::InvalidArgumentError("is not a table");
    return Apply(*node.as_table(), section, name + ".", file);
  };
}

Setter IntoHosts(std::vector<std::string>& target) {
  return [&target](const toml::node& node) -> absl::Status {
    const absl::Status wrong = absl::InvalidArgumentError("is not a list of hosts, as in [\"mirror:5000\"]");
    if (!node.is_array()) return wrong;
    target.clear();
    for (const toml::node& item : *node.as_array()) {
      const auto host = item.value_exact<std::string>();
      if (!host.has_value() || !IsHost(*host)) return wrong;
      target.push_back(*host);
    }
    return absl::OkStatus();
  };
}

Setter IntoPath(std::string& target) {
  return [&target](const toml::node& node) -> absl::Status {
    const auto path = node.value_exact<std::string>();
    if (!path.has_value() || !path->starts_with('/'))
      return absl::InvalidArgumentError("is not an absolute path");
    target = *path;
    return absl::OkStatus();
  };
}

Setter IntoRegistries(std::vector<RegistryConfig>& target, const std::filesystem::path& file) {
  return [&target, file](const toml::node& node) -> absl::Status {
    if (!node.is_array_of_tables())
      return absl::InvalidArgumentError("is not a list of tables, as in [[registries]]");
    target.clear();
    for (const toml::node& item : *node.as_array()) {
      RegistryConfig registry;
      BANGER_RETURN_IF_ERROR(Apply(*item.as_table(),
                                   {{"host", Into(registry.host)},
                                    {"mirrors", IntoHosts(registry.mirrors)},
                                    {"insecure", Into(registry.insecure)},
                                    {"ca", IntoPath(registry.ca)},
                                    {"client_cert", IntoPath(registry.client_cert)},
                                    {"client_key", IntoPath(registry.client_key)}},
                                   "registries.", file));
      if (!IsHost(registry.host)) return At(file, item, "registries", "needs a host, as \"registry:5000\"");
      target.push_back(std::move(registry));
    }
    return absl::OkStatus();
  };
}

// [[name]] tables of url and public_key.
Setter IntoCatalogs(std::vector<CatalogConfig>& target, const std::string& name,
                    const std::filesystem::path& file) {
  return [&target, name, file](const toml::node& node) -> absl::Status {
    if (!node.is_array_of_tables())
      return absl::InvalidArgumentError(absl::StrCat("is not a list of tables, as in [[", name, "]]"));
    target.clear();
    for (const toml::node& item : *node.as_array()) {
      CatalogConfig catalog;
      BANGER_RETURN_IF_ERROR(Apply(*item.as_table(),
                                   {{"url", Into(catalog.url)}, {"public_key", Into(catalog.public_key)}},
                                   name + ".", file));
      if (catalog.url.empty() || catalog.public_key.empty())
        return At(file, item, name, "needs both url and public_key");
      target.push_back(std::move(catalog));
    }
    return absl::OkStatus();
  };
}

// "/etc/hosts", "~/.netrc": of a file, and plain.
Setter IntoHomePath(std::string& target) {
  return [&target](const toml::node& node) -> absl::Status {
    const std::filesystem::path path = node.value_or(std::string());
    const bool anchored = path.is_absolute() || path.native().starts_with("~/");
    if (!anchored || !path.has_filename() || path != path.lexically_normal())
      return absl::InvalidArgumentError("is no path of a file, absolute or with ~/ before it");
    target = path.string();
    return absl::OkStatus();
  };
}

// "0600": a number would be read as a decimal one.
Setter IntoMode(unsigned& target) {
  return [&target](const toml::node& node) -> absl::Status {
    const std::string text = node.value_exact<std::string>().value_or("");
    if (text.size() < 3 || text.size() > 4 || text.find_first_not_of("01234567") != std::string::npos ||
        (text.size() == 4 && text[0] != '0'))
      return absl::InvalidArgumentError("is no mode such as \"0600\"");
    target = static_cast<unsigned>(std::stoul(text, nullptr, 8));
    return absl::OkStatus();
  };
}

Setter IntoFileSync(std::vector<FileSyncConfig>& target, const std::filesystem::path& file) {
  return [&target, file](const toml::node& node) -> absl::Status {
    if (!node.is_array_of_tables())
      return absl::InvalidArgumentError("is not a list of tables, as in [[file_sync]]");
    target.clear();
    for (const toml::node& item : *node.as_array()) {
      FileSyncConfig sync;
      BANGER_RETURN_IF_ERROR(Apply(*item.as_table(),
                                   {{"host", IntoHomePath(sync.host)},
                                    {"guest", IntoHomePath(sync.guest)},
                                    {"mode", IntoMode(sync.mode)}},
                                   "file_sync.", file));
      if (sync.host.empty() || sync.guest.empty())
        return At(file, item, "file_sync", "needs both host and guest");
      target.push_back(std::move(sync));
    }
    return absl::OkStatus();
  };
}

// A list of absolute paths without a slash at the end.
Setter IntoDirectories(std::vector<std::string>& target) {
  return [&target](const toml::node& node) -> absl::Status {
    if (!node.is_array()) return absl::InvalidArgumentError("is not a list of strings");
    target.clear();
    for (const toml::node& item : *node.as_array()) {
      const std::filesystem::path path = item.value_or(std::string());
      if (!path.is_absolute() || !path.has_filename() || path != path.lexically_normal())
        return absl::InvalidArgumentError(
            "has something else than absolute paths of directories, without '..' and a slash at the end");
      target.push_back(path.string());
    }
    return absl::OkStatus();
  };
}

Setter IntoRole(std::string& target) {
  return [&target](const toml::node& node) -> absl::Status {
    const std::string role = node.value_exact<std::string>().value_or("");
    if (role != "viewer" && role != "operator" && role != "admin" && role != "none")
      return absl::InvalidArgumentError("is none of \"viewer\", \"operator\", \"admin\" and \"none\"");
    target = role;
    return absl::OkStatus();
  };
}

absl::Status ApplyFile(const std::filesystem::path& file, Config& config) {
  absl::StatusOr<std::string> text = ReadFile(file, 1 << 20);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  toml::table table;
  try {
    table = toml::parse(*text, file.string());
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ":", error.source().begin.line, ": ", std::string(error.description())));
  }
  const Section network = {{"bridge", Into(config.network.bridge)},
                           {"address", Into(config.network.address)},
                           {"prefix", IntoInt(config.network.prefix, 16, 30)},
                           {"ipv6", Into(config.network.ipv6)},
                           {"ipv6_prefix", Into(config.network.ipv6_prefix)},
                           {"tap_pool_size", IntoInt(config.network.tap_pool_size, 0, 64)},
                           {"dns_listen", Into(config.network.dns_listen)},
                           {"upstream_dns", IntoStrings(config.network.upstream_dns)}};
  VmDefaults& vm = config.vm_defaults;
  const Section vm_defaults = {
      {"vcpu", From(file, vm.vcpu, IntoInt(vm.vcpu.value, 1, 1024))},
      {"memory_mib", From(file, vm.memory_mib, Into(vm.memory_mib.value))},
      {"disk_size", From(file, vm.disk_size_bytes, IntoSize(vm.disk_size_bytes.value))},
      {"rootfs_size", From(file, vm.rootfs_size_bytes, IntoSize(vm.rootfs_size_bytes.value))}};
  const Section images = {{"cache_size", IntoSize(config.images.cache_size_bytes)},
                          {"in_place_dirs", IntoDirectories(config.images.in_place_dirs)}};
  const Section gateway = {{"listen", Into(config.gateway.listen)},
                           {"cert", IntoPath(config.gateway.cert)},
                           {"key", IntoPath(config.gateway.key)},
                           {"client_ca", IntoPath(config.gateway.client_ca)},
                           {"client_crl", IntoPath(config.gateway.client_crl)},
                           {"viewers", IntoStrings(config.gateway.viewers)},
                           {"operators", IntoStrings(config.gateway.operators)},
                           {"admins", IntoStrings(config.gateway.admins)},
                           {"others", IntoRole(config.gateway.others)}};
  return Apply(
      table,
      {{"log_level", Into(config.log_level)},
       {"vmm", Into(config.vmm)},
       {"firecracker_bin", Into(config.firecracker_bin)},
       {"qemu_bin", Into(config.qemu_bin)},
       {"vmm_cgroup", IntoPath(config.vmm_cgroup)},
       {"default_image", Into(config.default_image)},
       {"auto_stop_stale_after", IntoDuration(config.auto_stop_stale_after, std::chrono::seconds(0))},
       {"stats_poll_interval", IntoDuration(config.stats_poll_interval, std::chrono::seconds(1))},
       {"web_listen_addr", Into(config.web_listen_addr)},
       {"metrics_listen_addr", Into(config.metrics_listen_addr)},
       {"ssh_key_path", IntoPath(config.ssh_key_path)},
       {"update_url", Into(config.update.url)},
       {"update_public_key", Into(config.update.public_key)},
       {"kernel_catalogs", IntoCatalogs(config.kernel_catalogs, "kernel_catalogs", file)},
       {"registries", IntoRegistries(config.registries, file)},
       {"file_sync", IntoFileSync(config.file_sync, file)},
       {"image_catalogs", IntoCatalogs(config.image_catalogs, "image_catalogs", file)},
       {"images", IntoTable(images, "images", file)},
       {"gateway", IntoTable(gateway, "gateway", file)},
       {"network", IntoTable(network, "network", file)},
       {"vm_defaults", IntoTable(vm_defaults, "vm_defaults", file)}},
      "", file);
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const std::vector<std::filesystem::path>& files) {
  Config config;
  for (const std::filesystem::path& file : files) BANGER_RETURN_IF_ERROR(ApplyFile(file, config));
  return config;
}

absl::StatusOr<std::int64_t> ParseSize(absl::string_view text) {
  constexpr absl::string_view kUnits = "KMGT";
  absl::string_view digits = text;
  int shift = 0;
  if (!digits.empty()) {
    const std::size_t unit = kUnits.find(absl::ascii_toupper(static_cast<unsigned char>(digits.back())));
    if (unit != absl::string_view::npos) {
      shift = 10 * (static_cast<int>(unit) + 1);
      digits.remove_suffix(1);
    }
  }
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(digits, &number) || number < 0 ||
      number > (std::numeric_limits<std::int64_t>::max() >> shift))
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a size like 512M or 8G"));
  return number << shift;
}

absl::StatusOr<std::chrono::seconds> ParseDuration(absl::string_view text) {
  static const std::map<char, std::int64_t> kUnits = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  constexpr std::int64_t kMax = std::int64_t{10000} * 86400;
  absl::string_view digits = text;
  std::int64_t unit = 0;  // only "0" needs none
  if (!digits.empty()) {
    const auto found = kUnits.find(digits.back());
    if (found != kUnits.end()) {
      unit = found->second;
      digits.remove_suffix(1);
    }
  }
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(digits, &number) || number < 0 || (unit == 0 && number != 0) ||
      (unit != 0 && number > kMax / unit))
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a time like 10s, 5m, 2h or 7d"));
  return std::chrono::seconds(number * unit);
}

}  // namespace banger
