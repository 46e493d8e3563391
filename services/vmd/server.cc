#include "services/vmd/server.h"

#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "common/config/install.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/landlock.h"
#include "common/rpc/channel.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/disk_snapshots.h"
#include "services/vmd/adapters/guest_links.h"
#include "services/vmd/adapters/housekeeper.h"
#include "services/vmd/adapters/image_client.h"
#include "services/vmd/adapters/network_client.h"
#include "services/vmd/adapters/port_forwarder.h"
#include "services/vmd/adapters/process_usage.h"
#include "services/vmd/adapters/sqlite_store.h"
#include "services/vmd/adapters/vm_files.h"
#include "services/vmd/adapters/vmm_choice.h"
#include "services/vmd/adapters/vmm_host.h"
#include "services/vmd/core/vm_manager.h"
#include "services/vmd/vm_metrics.h"
#include "services/vmd/vm_service.h"

namespace banger::vmd {
namespace {

// For a connection to a published port: a guest that boots is worth a wait.
constexpr std::chrono::seconds kDialTimeout{30};

class SystemClock final : public Clock {
 public:
  Time Now() override { return std::chrono::system_clock::now(); }
};

HostCapacity MeasureHost() {
  const std::int64_t bytes = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  return {.cpus = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)), .memory_mib = bytes >> 20};
}

// Wrong defaults stop vmd, not the first user of them.
absl::StatusOr<VmManagerOptions> ManagerOptions(const Config& config, const Paths& paths) {
  VmManagerOptions options{.host = MeasureHost(),
                           .default_image = config.default_image,
                           .stale_after = config.auto_stop_stale_after};
  const VmDefaults& said = config.vm_defaults;
  const auto from = [&paths](const ConfiguredNumber& number) -> std::optional<ConfiguredSize> {
    if (number.file.empty()) return std::nullopt;
    // The system's comes first.
    const bool system = number.file == paths.config_files.front();
    return ConfiguredSize{
        number.value, {system ? SizeSource::kSystemConfig : SizeSource::kUserConfig, number.file.string()}};
  };
  absl::StatusOr<ResolvedSizes> defaults = DefaultSizes({.vcpu = from(said.vcpu),
                                                         .memory_mib = from(said.memory_mib),
                                                         .disk_size_bytes = from(said.disk_size_bytes),
                                                         .rootfs_size_bytes = from(said.rootfs_size_bytes)},
                                                        options.host);
  if (!defaults.ok()) return Annotate(defaults.status(), "configuration: vm_defaults");
  options.defaults = *std::move(defaults);
  return options;
}

// Programs and files of ours beside vmd.
struct Installed {
  std::filesystem::path agent;
  std::filesystem::path tools;
  std::filesystem::path confine;
};

class Parts final : public rpc::DaemonParts {
 public:
  Parts(const rpc::DaemonContext& context, std::unique_ptr<SqliteStore> store, VmManagerOptions options,
        const Installed& installed, CgroupTree cgroups)
      : store_(std::move(store)),
        images_(rpc::ConnectDaemon(context.paths.Socket("imaged"))),
        network_(context.paths.Socket("netd"), context.paths.netd_run_dir / "tap.sock"),
        files_(context.paths.vms_dir(), context.paths.state_dir / "agent", installed.agent, installed.tools),
        drivers_(context.paths.cache_dir,
                 {.qemu_bin = context.config.qemu_bin,
                  .vmm = context.config.vmm,
                  .launcher = installed.confine,
                  .open_tap = [this](const std::string& uid) { return network_.OpenTap(uid); }},
                 {.firecracker_bin = context.config.firecracker_bin,
                  .launcher = installed.confine,
                  .tap_of = [this](const std::string& uid,
                                   const std::stop_token& stop) { return network_.TapOf(uid, stop); }}),
        vmm_({.run_dir = context.paths.run_dir / "vm",
              .vms_dir = context.paths.vms_dir(),
              .cgroups = std::move(cgroups)},
             drivers_, [this](const std::string& uid, const VmmExit& exit) { vms_.OnVmmExit(uid, exit); }),
        forwards_(
            [this](const std::string& uid, const std::stop_token& stop) { return ChannelInUse(uid, stop); }),
        vms_({*store_, images_, network_, files_, snapshots_, vmm_, guests_, forwards_, clock_},
             std::move(options)),
        stats_(vms_, meter_, guests_, clock_),
        housekeeper_(vms_, files_, stats_, context.config.stats_poll_interval),
        service_(context.workers, vms_, files_, guests_, stats_) {}

  // The watchers report to what goes before them.
  ~Parts() override { vmm_.StopWatching(); }

  absl::Status Recover() { return vms_.Recover(); }
  void Register(grpc::ServerBuilder& builder) override { builder.RegisterService(&service_); }
  void AddMetrics(prometheus::Registry& registry) override { AddVmMetrics(vms_, registry); }
  void OnServing() override { housekeeper_.Start(); }
  void OnShutdown() override {
    // First, as housekeeping waits for whoever works on a VM.
    vms_.Shutdown();
    housekeeper_.Stop();
  }

 private:
  // Whoever holds the channel uses the VM.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> ChannelInUse(const std::string& uid,
                                                              const std::stop_token& stop) {
    struct InUse {
      VmUses::Use use;
      std::shared_ptr<grpc::Channel> channel;
    };
    BANGER_ASSIGN_OR_RETURN(const auto channel, guests_.Channel(uid, kDialTimeout, stop));
    const auto held = std::make_shared<InUse>(InUse{vms_.Use(uid), channel});
    return std::shared_ptr<grpc::Channel>(held, channel.get());
  }

  std::unique_ptr<SqliteStore> store_;
  GrpcImageClient images_;
  GrpcNetworkClient network_;
  DiskFiles files_;
  DiskSnapshots snapshots_{files_};
  GuestLinks guests_;
  SystemClock clock_;
  VmmChoice drivers_;
  VmmHost vmm_;
  PortForwarder forwards_;
  VmManager vms_;
  ProcessUsage meter_;
  StatsKeeper stats_;
  Housekeeper housekeeper_;
  VmServiceImpl service_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeServer(const rpc::DaemonContext& context) {
  BANGER_RETURN_IF_ERROR(CheckVmm(context.config.vmm));
  BANGER_ASSIGN_OR_RETURN(VmManagerOptions options, ManagerOptions(context.config, context.paths));
  Installed installed;
  BANGER_ASSIGN_OR_RETURN(installed.agent, FindLibexec("banger-agent"));
  BANGER_ASSIGN_OR_RETURN(installed.tools, FindLibexec("guest"));
  BANGER_ASSIGN_OR_RETURN(installed.confine, FindLibexec("banger-confine"));
  if (!HasLandlock())
    log::Warn("this kernel has no Landlock: VMMs are confined by seccomp and permissions alone");
  BANGER_ASSIGN_OR_RETURN(CgroupTree cgroups, CgroupTree::Open(context.config.vmm_cgroup));
  BANGER_RETURN_IF_ERROR(MakeDirectories(context.paths.vms_dir()));
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<SqliteStore> store,
                          SqliteStore::Open(context.paths.state_dir / "vmd.sqlite3"));
  auto parts =
      std::make_unique<Parts>(context, std::move(store), std::move(options), installed, std::move(cgroups));
  BANGER_RETURN_IF_ERROR(parts->Recover());
  return parts;
}

}  // namespace banger::vmd
