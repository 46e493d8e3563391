// The configuration: one TOML file format for all daemons and the CLI. Every key
// has a default that works; an unknown key or a wrong value is an error that
// names file, line and key.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/config/update_config.h"

namespace banger {

struct NetworkConfig {
  std::string bridge = "br-banger";  // an interface name: at most 15 bytes
  // Of the bridge. Empty: 172.30.0.1, or the first of others in a fixed order where
  // the host reaches that network elsewhere.
  std::string address;
  int prefix = 24;  // 16 to 30
  // Guests have IPv6 as well.
  bool ipv6 = false;
  // Their IPv6 network, a /64: "fd12:3456:789a::/64". Empty: a unique local one that
  // is always the same for this host and bridge.
  std::string ipv6_prefix;
  // Taps kept ready for VMs to come while one runs; 0 to 64.
  int tap_pool_size = 4;
  // Where DNS for programs of the host listens: a loopback address and a port.
  // Empty: nowhere.
  std::string dns_listen = "127.0.0.1:42069";
  // Where guests' queries for other names than the VMs' go: "ADDRESS" or
  // "ADDRESS:PORT". Empty: to the servers of the host's /etc/resolv.conf.
  std::vector<std::string> upstream_dns;

  bool operator==(const NetworkConfig&) const = default;
};

// A number and the file that has it; no file: nobody said anything.
struct ConfiguredNumber {
  std::int64_t value = 0;
  std::filesystem::path file;

  bool operator==(const ConfiguredNumber&) const = default;
};

// What vmd fills in where nobody said anything depends on the host.
struct VmDefaults {
  ConfiguredNumber vcpu;
  ConfiguredNumber memory_mib;
  ConfiguredNumber disk_size_bytes;
  ConfiguredNumber rootfs_size_bytes;

  bool operator==(const VmDefaults&) const = default;
};

// A catalog beside the built-in one: trusted as far as its signature goes.
struct CatalogConfig {
  std::string url;         // https://, http:// on this host, file:// or an absolute path
  std::string public_key;  // minisign's, "RW..."

  bool operator==(const CatalogConfig&) const = default;
};

// A registry of images, or a mirror of one.
struct RegistryConfig {
  std::string host;                  // as in references, with its port
  std::vector<std::string> mirrors;  // hosts that are asked first, in this order
  bool insecure = false;             // plain http too, and certificates nobody vouches for
  std::string ca;                    // PEM files; absolute paths
  std::string client_cert;
  std::string client_key;

  bool operator==(const RegistryConfig&) const = default;
};

// A file of the user's that `banger` writes into a VM whenever it starts one.
struct FileSyncConfig {
  std::string host;   // absolute, or of the user's home: "~/.netrc"
  std::string guest;  // the same in the guest, whose "~" is /root
  unsigned mode = 0600;

  bool operator==(const FileSyncConfig&) const = default;
};

struct ImagesConfig {
  // Absolute; files below them may be registered as images where they are.
  std::vector<std::string> in_place_dirs;
  // What downloaded layers may take; above it those go that were not needed for
  // the longest time.
  std::int64_t cache_size_bytes = std::int64_t{20} << 30;

  bool operator==(const ImagesConfig&) const = default;
};

struct GatewayConfig {
  // "ADDRESS:PORT" of the TCP listener; empty: none. The rest are absolute paths of PEM
  // files: the gateway's own certificate and key, the authorities of its clients, and
  // their revocation lists (empty: none).
  std::string listen;
  std::string cert;
  std::string key;
  std::string client_ca;
  std::string client_crl;
  // Who may do what at the Unix socket: users ("alice", "1000") and groups
  // ("@developers", "@100").
  std::vector<std::string> viewers;
  std::vector<std::string> operators;
  std::vector<std::string> admins;
  // Of everybody else who can open the socket: viewer, operator, admin or none.
  std::string others = "admin";

  bool operator==(const GatewayConfig&) const = default;
};

struct Config {
  std::string log_level = "info";
  // auto (firecracker if it works, else qemu), firecracker, qemu (KVM if it works),
  // qemu-kvm, qemu-tcg.
  std::string vmm = "auto";
  std::string firecracker_bin = "firecracker";
  std::string qemu_bin = "qemu-system-x86_64";
  // The cgroup (version 2) of vmd's in which VMMs get theirs, with limits; absolute.
  // Empty: vmd's own where it is delegated to vmd.
  std::string vmm_cgroup;
  std::string default_image = "debian-bookworm";
  // Running VMs that nobody has touched for so long are stopped; 0: never.
  std::chrono::seconds auto_stop_stale_after{0};
  // How often running VMs are measured.
  std::chrono::seconds stats_poll_interval{10};
  // "ADDRESS:PORT" of the web console, a loopback address; empty: none.
  std::string web_listen_addr;
  // "ADDRESS:PORT" of the gateway's GET /metrics for Prometheus; empty: none.
  std::string metrics_listen_addr;
  // The CLI's: the private key of `vm ssh`; absolute. Empty: one of its own.
  std::string ssh_key_path;
  // The CLI's.
  UpdateConfig update;
  NetworkConfig network;
  VmDefaults vm_defaults;
  // In order of precedence. A later file's list replaces an earlier one's.
  std::vector<CatalogConfig> kernel_catalogs;
  std::vector<CatalogConfig> image_catalogs;
  // Those that need more than the defaults.
  std::vector<RegistryConfig> registries;
  std::vector<FileSyncConfig> file_sync;
  ImagesConfig images;
  GatewayConfig gateway;

  bool operator==(const Config&) const = default;
};

// Reads the files in order, later ones over earlier ones; missing ones are
// skipped. INVALID_ARGUMENT for what is wrong.
absl::StatusOr<Config> LoadConfig(const std::vector<std::filesystem::path>& files);

// "512", "64K", "512M", "8G", "1T" (powers of 1024) in bytes.
absl::StatusOr<std::int64_t> ParseSize(absl::string_view text);

// "0", "10s", "5m", "2h", "7d".
absl::StatusOr<std::chrono::seconds> ParseDuration(absl::string_view text);

}  // namespace banger
