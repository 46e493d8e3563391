#include "common/rpc/daemon.h"

#include <grpc/grpc.h>
#include <pthread.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include <cstdio>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/file_lock.h"
#include "common/rpc/daemon_flags.h"
#include "common/rpc/daemon_service.h"
#include "common/rpc/error_mapping.h"
#include "common/rpc/metrics_service.h"
#include "common/rpc/server.h"
#include "common/rpc/wakeful_pollers.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/version/version.h"

namespace banger::rpc {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxQueuedCalls = 128;
constexpr auto kShutdownGrace = 3000ms;

// Before the first thread, so that all threads inherit it.
sigset_t BlockSignals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

absl::Status Serve(const DaemonSpec& spec, const Config& config, const Paths& paths, const DaemonFlags& flags,
                   const sigset_t& signals, const MakeParts& make) {
  const std::filesystem::path socket = paths.Socket(spec.name);
  BANGER_RETURN_IF_ERROR(MakeDirectories(socket.parent_path(), 0755));
  BANGER_ASSIGN_OR_RETURN(const FileLock lock,
                          FileLock::Acquire(socket.parent_path() / absl::StrCat(spec.name, ".lock")));
  // Before the parts are made, as netd soon cannot open what it reads.
  DaemonMetrics metrics;
  std::unique_ptr<DaemonParts> parts;
  // Goes before the parts that its jobs use.
  WorkerPool workers(spec.max_workers, kMaxQueuedCalls);
  BANGER_ASSIGN_OR_RETURN(parts, make({.config = config,
                                       .paths = paths,
                                       .workers = workers,
                                       .metrics = metrics,
                                       .own_flags = flags.own}));
  // Also when it does not get as far as to serve: what the parts have begun, as the
  // gateway's TCP, uses the workers.
  absl::Cleanup shutdown = [&parts] { parts->OnShutdown(); };
  // Held for ever: the last shutdown of gRPC waits up to 10 s for its own poller.
  // Not before the parts are made, as it starts threads and netd drops rights.
  ::grpc_init();
  DaemonService self(spec.name);
  MetricsService shown(metrics, [&parts](prometheus::Registry& registry) { parts->AddMetrics(registry); });
  BANGER_ASSIGN_OR_RETURN(
      const std::unique_ptr<Server> server,
      Server::Start({.socket = socket,
                     .socket_mode = spec.socket_mode,
                     .configure =
                         [&](grpc::ServerBuilder& builder) {
                           parts->Register(builder);
                           builder.RegisterService(&self);
                           if (spec.metrics_service) builder.RegisterService(&shown);
                         },
                     .authorize = [&](const PeerCredentials& peer) { return parts->Authorize(peer); },
                     .role_of = [&](const PeerCredentials& peer,
                                    const std::vector<gid_t>& groups) { return parts->RoleOf(peer, groups); },
                     .default_health = spec.default_health}));
  const WakefulPollers pollers;
  parts->OnServing();
  ::sd_notify(0, "READY=1");
  log::Info(
      "serving",
      {{"socket", socket.string()}, {"version", GetBuildInfo().version}, {"commit", GetBuildInfo().commit}});
  int signal = 0;
  ::sigwait(&signals, &signal);
  ::sd_notify(0, "STOPPING=1");
  log::Info("shutting down", {{"signal", absl::StrCat(signal)}});
  std::move(shutdown).Invoke();
  server->Shutdown(kShutdownGrace);
  return absl::OkStatus();
}

int Complain(const std::string& name, const absl::Status& status, int exit_code) {
  std::fprintf(stderr, "banger-%s: %s\n", name.c_str(), std::string(status.message()).c_str());
  return exit_code;
}

void PrintHelp(const DaemonSpec& spec) {
  std::printf("usage: banger-%s [--log-level LEVEL] [--check-config] [--version] [--help]",
              spec.name.c_str());
  for (const std::string& flag : spec.own_flags) std::printf(" [%s VALUE]", flag.c_str());
  std::printf("\n\nOne of banger's daemons; the configuration file has everything else.\n");
}

}  // namespace

int RunDaemon(int argc, char** argv, const DaemonSpec& spec, const MakeParts& make) {
  const auto flags = ParseDaemonFlags(std::vector<std::string>(argv + 1, argv + argc), spec.own_flags);
  if (!flags.ok()) return Complain(spec.name, flags.status(), 2);
  if (flags->help) return PrintHelp(spec), 0;
  if (flags->version) {
    const BuildInfo& build = GetBuildInfo();
    const std::string store = spec.store_version > 0 ? absl::StrCat(", store ", spec.store_version) : "";
    std::printf("banger-%s %s (%s, %s)%s\n", spec.name.c_str(), build.version, build.commit, build.time,
                store.c_str());
    return 0;
  }
  const auto paths = FindPaths();
  if (!paths.ok()) return Complain(spec.name, paths.status(), 2);
  const auto config = LoadConfig(paths->config_files);
  if (!config.ok()) return Complain(spec.name, config.status(), 2);
  const std::string level = flags->log_level.empty() ? config->log_level : flags->log_level;
  if (const absl::Status log = log::Init(spec.name, level); !log.ok()) return Complain(spec.name, log, 2);
  if (flags->check_config) {
    std::printf("the configuration is right\n");
    return 0;
  }
  SetErrorDomain(spec.name);
  const absl::Status served = Serve(spec, *config, *paths, *flags, BlockSignals(), make);
  if (served.ok()) return 0;
  log::Error("cannot go on", {{"error", std::string(served.message())}});
  return 1;
}

}  // namespace banger::rpc
