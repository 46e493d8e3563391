// What the gateway costs a call: vmd asked directly, through the gateway and through
// nginx as a gRPC proxy, over a Unix socket and over TLS 1.3 with client certificates,
// in turns.
//
//   gateway_bench NGINX [ROUNDS]
//
// RESULT gateway_METRIC: through the gateway against directly; gateway_METRIC_vs_nginx:
// against nginx. Unary is GetVm, streams are a console log of 8 MiB.
// RESULT gateway_unary_p90_after_idle: calls after a second or two without any, against
// calls one after the other.
// RESULT daemons_memory_WHEN: private memory of all daemons, five as root, against 60 MiB:
// before any work, and after all of it.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/status_macros.h"
#include "tests/bench/vm_timing.h"
#include "tests/e2e/daemon_figures.h"
#include "tests/e2e/tls_gateway.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;

constexpr int kCalls = 500;
constexpr int kIdleCalls = 40;
constexpr std::size_t kLogBytes = std::size_t{8} << 20;
constexpr char kOurs[] = "127.0.0.1:7443";
constexpr char kNginx[] = "127.0.0.1:7444";

// $0: where its files are, $1: vmd's socket, $2 to $4: certificate, key, authority.
constexpr char kNginxConfig[] = R"(
user root;
worker_processes auto;
daemon off;
pid $0/nginx.pid;
events {}
http {
  access_log $0/access.log;
  client_body_temp_path $0/body;
  proxy_temp_path $0/proxy;
  fastcgi_temp_path $0/fastcgi;
  uwsgi_temp_path $0/uwsgi;
  scgi_temp_path $0/scgi;
  keepalive_requests 100000000;
  upstream vmd { server unix:$1; keepalive 16; keepalive_requests 100000000; }
  server {
    listen unix:$0/nginx.sock http2;
    location / { grpc_pass grpc://vmd; }
  }
  server {
    listen 127.0.0.1:7444 ssl http2;
    ssl_protocols TLSv1.3;
    ssl_certificate $2;
    ssl_certificate_key $3;
    ssl_client_certificate $4;
    ssl_verify_client on;
    location / { grpc_pass grpc://vmd; }
  }
}
)";

absl::StatusOr<Subprocess> StartNginx(const std::string& nginx, const fs::path& dir, const fs::path& vmd,
                                      const TlsGateway& tls) {
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(
      dir / "nginx.conf", absl::Substitute(kNginxConfig, dir.string(), vmd.string(), tls.File("server.pem"),
                                           tls.File("server.key"), tls.File("ca.pem"))));
  BANGER_ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start({.argv = {nginx, "-p", dir.string(), "-c",
                                                                          (dir / "nginx.conf").string(), "-e",
                                                                          (dir / "error.log").string()},
                                                                 .new_session = true}));
  if (!Eventually([&] { return fs::exists(dir / "nginx.sock"); }))
    return absl::InternalError(absl::StrCat("nginx: ", ReadFile(dir / "error.log").value_or("no log")));
  return process;
}

// A way to vmd, and how long its calls took in this round, in microseconds.
struct Way {
  explicit Way(const std::shared_ptr<grpc::Channel>& channel) : stub(vm::v1::VmService::NewStub(channel)) {}
  std::unique_ptr<vm::v1::VmService::Stub> stub;
  std::vector<double> calls;
  double mb_per_second = 0;

  double Percentile(std::size_t percent) const { return calls[(calls.size() - 1) * percent / 100]; }
};

absl::Status TimeCalls(Way& way, int calls, const std::function<void(int)>& before_each) {
  way.calls.clear();
  for (int i = 0; i < calls; ++i) {
    before_each(i);
    rpc::ClientCall call("", std::chrono::seconds(30));
    vm::v1::GetVmRequest request;
    request.set_name("vms/model");
    vm::v1::GetVmResponse response;
    const Clock::time_point begin = Clock::now();
    BANGER_RETURN_IF_ERROR(rpc::FromGrpc(way.stub->GetVm(call.context(), request, &response)));
    way.calls.push_back(Seconds(Clock::now() - begin) * 1e6);
  }
  std::sort(way.calls.begin(), way.calls.end());
  return absl::OkStatus();
}

absl::Status TimeCalls(Way& way) {
  return TimeCalls(way, kCalls, [](int) {});
}

// Of calls that come when nobody called for a second or two, against one after the other.
absl::Status TimeIdleCalls(Way& way) {
  const double busy = way.Percentile(90);
  BANGER_RETURN_IF_ERROR(TimeCalls(way, kIdleCalls, [](int i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1000 + i * 370 % 1200));
  }));
  const double idle = way.Percentile(90);
  std::printf("RESULT gateway_unary_p90_after_idle %.3f %.3f %.3f us\n", idle, busy, idle / busy);
  return absl::OkStatus();
}

absl::Status TimeStream(Way& way) {
  rpc::ClientCall call("", std::chrono::seconds(60));
  vm::v1::ReadVmLogRequest request;
  request.set_name("vms/model");
  std::size_t bytes = 0;
  const Clock::time_point begin = Clock::now();
  const auto stream = way.stub->ReadVmLog(call.context(), request);
  for (vm::v1::ReadVmLogResponse response; stream->Read(&response);) bytes += response.data().size();
  BANGER_RETURN_IF_ERROR(rpc::FromGrpc(stream->Finish()));
  if (bytes != kLogBytes) return absl::InternalError(absl::StrCat("only ", bytes, " bytes came"));
  way.mb_per_second = static_cast<double>(bytes) / 1e6 / Seconds(Clock::now() - begin);
  return absl::OkStatus();
}

struct Comparison {
  std::string name;
  const Way& ours;
  const Way& baseline;
  Pairs p50, p99, stream;
};

absl::Status Compare(std::vector<Way*> ways, std::vector<Comparison> comparisons, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    std::reverse(ways.begin(), ways.end());
    for (Way* way : ways) {
      BANGER_RETURN_IF_ERROR(TimeCalls(*way));
      BANGER_RETURN_IF_ERROR(TimeStream(*way));
    }
    for (Comparison& one : comparisons) {
      one.p50.Add(one.ours.Percentile(50), one.baseline.Percentile(50));
      one.p99.Add(one.ours.Percentile(99), one.baseline.Percentile(99));
      one.stream.Add(one.ours.mb_per_second, one.baseline.mb_per_second);
    }
  }
  for (const Comparison& one : comparisons) {
    one.p50.Print(absl::StrCat("gateway_unary_p50_", one.name), "us");
    one.p99.Print(absl::StrCat("gateway_unary_p99_", one.name), "us");
    one.stream.Print(absl::StrCat("gateway_stream_", one.name), "MB/s");
  }
  return absl::OkStatus();
}

absl::Status MeasureMemory(const Instance& instance, const std::string& when) {
  double all = 0;
  for (const std::string& daemon : instance.daemons()) {
    BANGER_ASSIGN_OR_RETURN(const DaemonFigures one, FiguresOf(instance, daemon));
    std::printf("# %s: %s %.1f MiB private\n", when.c_str(), daemon.c_str(), one.private_mib);
    all += one.private_mib;
  }
  std::printf("RESULT daemons_memory_%s %.1f 60 %.3f MiB\n", when.c_str(), all, all / 60);
  return absl::OkStatus();
}

absl::Status Bench(const std::string& nginx, int rounds) {
  BANGER_ASSIGN_OR_RETURN(const TempDir dir, TempDir::Create("/tmp"));
  BANGER_ASSIGN_OR_RETURN(const TlsGateway tls, TlsGateway::Make());
  BANGER_ASSIGN_OR_RETURN(const Instance instance, Instance::Start({.config = tls.config(kOurs)}));
  BANGER_RETURN_IF_ERROR(MeasureMemory(instance, "idle"));
  BANGER_RETURN_IF_ERROR(instance.ImportKernel());
  BANGER_RETURN_IF_ERROR(
      Run(instance, {"vm", "create", "--no-start", "--name", "model", "--image", "mini"}).status());
  for (const fs::directory_entry& vm : fs::directory_iterator(instance.root() / "state" / "vms")) {
    const fs::path log = vm.path() / "console.log";
    BANGER_RETURN_IF_ERROR(WriteFileAtomically(log, std::string(kLogBytes, 'x'), 0644));
  }
  const fs::path vmd = instance.root() / "run" / "vmd.sock";
  BANGER_ASSIGN_OR_RETURN(Subprocess proxy, StartNginx(nginx, dir.path(), vmd, tls));
  Way direct(rpc::ConnectDaemon(vmd));
  Way gateway(rpc::ConnectDaemon(instance.root() / "run" / "gateway.sock"));
  Way nginx_unix(rpc::ConnectDaemon(dir.path() / "nginx.sock"));
  BANGER_ASSIGN_OR_RETURN(const auto gateway_channel, tls.Connect(kOurs, "admin"));
  BANGER_ASSIGN_OR_RETURN(const auto nginx_channel, tls.Connect(kNginx, "admin"));
  Way gateway_tls(gateway_channel);
  Way nginx_tls(nginx_channel);
  const std::vector<Way*> ways = {&direct, &gateway, &nginx_unix, &gateway_tls, &nginx_tls};
  for (Way* way : ways) {  // connected, and warm
    BANGER_RETURN_IF_ERROR(TimeCalls(*way));
    BANGER_RETURN_IF_ERROR(TimeStream(*way));
  }
  const absl::Status compared = Compare(ways,
                                        {{"unix", gateway, direct, {}, {}, {}},
                                         {"unix_vs_nginx", gateway, nginx_unix, {}, {}, {}},
                                         {"tls", gateway_tls, direct, {}, {}, {}},
                                         {"tls_vs_nginx", gateway_tls, nginx_tls, {}, {}, {}}},
                                        rounds);
  BANGER_RETURN_IF_ERROR(proxy.Signal(SIGTERM));
  proxy.Wait().status().IgnoreError();
  BANGER_RETURN_IF_ERROR(compared);
  BANGER_RETURN_IF_ERROR(TimeIdleCalls(gateway));
  return MeasureMemory(instance, "after_work");
}

}  // namespace
}  // namespace banger::e2e

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: gateway_bench NGINX [ROUNDS]\n"), 2;
  const absl::Status status = banger::e2e::Bench(argv[1], argc > 2 ? std::atoi(argv[2]) : 11);
  if (!status.ok()) std::fprintf(stderr, "gateway_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
