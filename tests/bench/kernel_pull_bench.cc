// What a pull costs: kerneld, which verifies, unpacks and publishes, against
// curl | tee >(sha256sum) | zstd -d | tar x, which only unpack. Both get the same
// bytes from the same server on loopback, in turns, into the same file system.
//
//   kernel_pull_bench pack DEB BUNDLE         as scripts/publish-kernel.sh packs it
//   kernel_pull_bench measure ROUNDS BUNDLE...
// prints, for each bundle, RESULT lines for the time, the CPU time, the peak memory
// (kerneld's over what it has when idle; its baseline is the aim), and how long after a
// caller has left nothing is there of what was pulled (the longest; likewise).
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "common/digest/sha256.h"
#include "common/digest/testing/minisign_signer.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/os/unix_socket.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

namespace fs = std::filesystem;
namespace v1 = ::banger::kernel::v1;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::int64_t kMaxBundle = std::int64_t{1} << 30;
constexpr double kMemoryAim = 40;   // MiB
constexpr double kCancelAim = 0.2;  // s

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// A kerneld of its own below a directory.
class Kerneld {
 public:
  static absl::StatusOr<Kerneld> Start(const fs::path& root, const std::string& config) {
    BANGER_RETURN_IF_ERROR(MakeDirectories(root));
    BANGER_RETURN_IF_ERROR(WriteFileAtomically(root / "config.toml", config));
    BANGER_ASSIGN_OR_RETURN(
        Subprocess daemon,
        Subprocess::Start(
            {.argv = {BANGER_KERNELD}, .env = std::vector<std::string>{"BANGER_ROOT=" + root.string()}}));
    const auto deadline = Clock::now() + 30s;
    while (!ConnectUnix(root / "run/kerneld.sock").ok() && Clock::now() < deadline)
      std::this_thread::sleep_for(10ms);
    return Kerneld(root, std::move(daemon));
  }

  absl::Status Import(const fs::path& deb) {
    rpc::ClientCall call("r", 600s);
    const auto stream = stub_->ImportKernel(call.context());
    v1::ImportKernelRequest request;
    request.mutable_spec()->set_name("kernels/k");
    request.mutable_spec()->set_format(v1::ImportKernelRequest::FORMAT_DEB);
    request.mutable_spec()->set_source("deb");
    stream->Write(request);
    BANGER_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(deb, kMaxBundle));
    for (std::size_t at = 0; at < bytes.size(); at += 1 << 20) {
      request.set_chunk(bytes.substr(at, 1 << 20));
      if (!stream->Write(request)) break;
    }
    request.set_chunk("");
    stream->Write(request);
    stream->WritesDone();
    v1::ImportKernelResponse response;
    while (stream->Read(&response)) {
    }
    return rpc::FromGrpc(stream->Finish());
  }
  absl::Status Pull() {
    rpc::ClientCall call("r", 600s);
    v1::PullKernelRequest request;
    request.set_name("kernels/k");
    const auto stream = stub_->PullKernel(call.context(), request);
    v1::PullKernelResponse response;
    while (stream->Read(&response)) {
    }
    return rpc::FromGrpc(stream->Finish());
  }
  // Pulls, leaves after that part of it, and waits until its staging is gone; how long
  // that took.
  absl::StatusOr<double> CancelAfter(double part) {
    rpc::ClientCall call("r", 600s);
    v1::PullKernelRequest request;
    request.set_name("kernels/k");
    const auto stream = stub_->PullKernel(call.context(), request);
    v1::PullKernelResponse response;
    const auto reached = [&part, &response] {
      const auto& progress = response.progress();
      return progress.total_bytes() > 0 &&
             static_cast<double>(progress.done_bytes()) >= part * static_cast<double>(progress.total_bytes());
    };
    while (stream->Read(&response) && !reached()) {
    }
    if (!response.has_progress()) return absl::InternalError("the pull was over before it was cancelled");
    const Clock::time_point start = Clock::now();
    call.context()->TryCancel();
    if (!absl::IsCancelled(rpc::FromGrpc(stream->Finish()))) return absl::InternalError("was not cancelled");
    while (!fs::is_empty(kernels() / ".staging")) std::this_thread::sleep_for(1ms);
    return Seconds(Clock::now() - start);
  }
  absl::Status Delete() {
    rpc::ClientCall call("r", 600s);
    v1::DeleteKernelRequest request;
    request.set_name("kernels/k");
    v1::DeleteKernelResponse response;
    return rpc::FromGrpc(stub_->DeleteKernel(call.context(), request, &response));
  }

  // User and system time so far.
  absl::StatusOr<double> CpuSeconds() const {
    BANGER_ASSIGN_OR_RETURN(const std::string stat, ReadFile(Proc("stat")));
    const std::vector<std::string> fields = absl::StrSplit(stat.substr(stat.rfind(')') + 2), ' ');
    return (std::atof(fields[11].c_str()) + std::atof(fields[12].c_str())) /
           static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  // A field of /proc/PID/status, in MiB.
  absl::StatusOr<double> Memory(absl::string_view field) const {
    BANGER_ASSIGN_OR_RETURN(const std::string status, ReadFile(Proc("status")));
    for (absl::string_view line : absl::StrSplit(status, '\n'))
      if (absl::ConsumePrefix(&line, absl::StrCat(field, ":")))
        return std::atof(std::string(line).c_str()) / 1024;
    return absl::NotFoundError(absl::StrCat("no ", field));
  }
  // Lets VmHWM start again at what there is now.
  absl::Status ResetPeak() const {
    BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(Proc("clear_refs"), O_WRONLY));
    return WriteFully(fd.get(), "5");
  }
  fs::path kernels() const { return root_ / "state/kernels"; }

 private:
  Kerneld(fs::path root, Subprocess daemon)
      : root_(std::move(root)),
        daemon_(std::move(daemon)),
        stub_(v1::KernelService::NewStub(rpc::ConnectDaemon(root_ / "run/kerneld.sock"))) {}

  fs::path Proc(const std::string& file) const { return absl::StrCat("/proc/", daemon_.pid(), "/", file); }

  fs::path root_;
  Subprocess daemon_;
  std::unique_ptr<v1::KernelService::Stub> stub_;
};

struct Cost {
  double seconds = 0;
  double cpu_seconds = 0;
};

absl::StatusOr<Cost> CostOfPull(Kerneld& kerneld) {
  BANGER_ASSIGN_OR_RETURN(const double before, kerneld.CpuSeconds());
  const Clock::time_point start = Clock::now();
  BANGER_RETURN_IF_ERROR(kerneld.Pull());
  const double seconds = Seconds(Clock::now() - start);
  BANGER_ASSIGN_OR_RETURN(const double after, kerneld.CpuSeconds());
  return Cost{seconds, after - before};
}

// tee >(sha256sum), but with a fifo, so that the shell waits for the sum, too.
constexpr char kPipeline[] =
    "set -e -o pipefail; mkfifo fifo; sha256sum <fifo >sum & "
    "curl -s \"$1\" | tee fifo | zstd -dc | tar -x -C tree; wait";

double ChildrensCpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

absl::StatusOr<Cost> CostOfPipeline(const std::string& url, const std::string& sha256, const fs::path& dir) {
  BANGER_RETURN_IF_ERROR(MakeDirectories(dir / "tree"));
  const double before = ChildrensCpuSeconds();
  const Clock::time_point start = Clock::now();
  BANGER_RETURN_IF_ERROR(
      RunCommandOk({.argv = {"bash", "-c", kPipeline, "bash", url}, .working_dir = dir}).status());
  const double seconds = Seconds(Clock::now() - start);
  BANGER_ASSIGN_OR_RETURN(const std::string sum, ReadFile(dir / "sum"));
  if (sum.substr(0, sha256.size()) != sha256) return absl::InternalError("the pipeline got other bytes");
  BANGER_RETURN_IF_ERROR(RemoveTree(dir));
  return Cost{seconds, ChildrensCpuSeconds() - before};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void PrintResult(const std::string& name, double ours, double baseline, const char* unit) {
  std::printf("RESULT %s %.3f %.3f %.3f %s\n", name.c_str(), ours, baseline, ours / baseline, unit);
}

// What the server gives: one bundle, and a catalog with it.
struct Offer {
  std::string bundle;
  std::string sha256 = Sha256Hex(bundle);
  MinisignSigner signer;

  std::string Catalog(const std::string& url) const {
    return absl::StrCat(R"({"version": 1, "entries": [{"name": "k", "arch": "x86_64", "tarball_url": ")", url,
                        R"(", "tarball_sha256": ")", sha256, R"(", "size_bytes": )", bundle.size(), "}]}");
  }
  void Answer(const http::HttpServer::Request& request, http::HttpServer::Client& client) const {
    const std::string catalog = Catalog("http://" + request.headers.at("host") + "/k.tar.zst");
    if (request.target == "/catalog.json") {
      client.Send(http::Response("200 OK", {}, catalog));
    } else if (request.target == "/catalog.json.minisig") {
      client.Send(http::Response("200 OK", {}, signer.Sign(catalog)));
    } else {
      client.Send(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", bundle.size(), "\r\n\r\n"));
      client.Send(bundle);
    }
  }
};

absl::Status Measure(const fs::path& file, int rounds) {
  const std::string name = absl::StrCat("kernel_pull_", file.stem().stem().string());
  BANGER_ASSIGN_OR_RETURN(std::string bytes, ReadFile(file, kMaxBundle));
  const Offer offer{.bundle = std::move(bytes)};
  http::HttpServer server([&offer](const auto& request, auto& client) { offer.Answer(request, client); });
  BANGER_ASSIGN_OR_RETURN(const TempDir dir, TempDir::Create());
  BANGER_ASSIGN_OR_RETURN(
      Kerneld kerneld,
      Kerneld::Start(dir.path() / "banger",
                     absl::StrCat("[[kernel_catalogs]]\nurl = \"", server.Url("/catalog.json"),
                                  "\"\npublic_key = \"", offer.signer.public_key(), "\"\n")));
  BANGER_ASSIGN_OR_RETURN(const double idle, kerneld.Memory("VmRSS"));
  BANGER_RETURN_IF_ERROR(kerneld.ResetPeak());
  std::vector<double> ours, baseline, ratios, our_cpu, baseline_cpu;
  BANGER_ASSIGN_OR_RETURN(const UniqueFd disk, OpenFile(dir.path(), O_RDONLY | O_DIRECTORY));
  for (int i = 0; i < rounds; ++i) {
    ::syncfs(disk.get());
    BANGER_ASSIGN_OR_RETURN(const Cost pull, CostOfPull(kerneld));
    BANGER_RETURN_IF_ERROR(kerneld.Delete());
    ::syncfs(disk.get());
    BANGER_ASSIGN_OR_RETURN(const Cost pipeline,
                            CostOfPipeline(server.Url("/k.tar.zst"), offer.sha256, dir.path() / "pipeline"));
    ours.push_back(pull.seconds);
    our_cpu.push_back(pull.cpu_seconds);
    baseline.push_back(pipeline.seconds);
    baseline_cpu.push_back(pipeline.cpu_seconds);
    ratios.push_back(pull.seconds / pipeline.seconds);
  }
  BANGER_ASSIGN_OR_RETURN(const double peak, kerneld.Memory("VmHWM"));
  double cancel = 0;
  for (int i = 0; i < rounds; ++i) {
    BANGER_ASSIGN_OR_RETURN(const double one, kerneld.CancelAfter(0.6 * i / rounds));
    cancel = std::max(cancel, one);
  }
  std::printf("# %s: %zu bytes, %d pairs, ratio from %.3f to %.3f\n", name.c_str(), offer.bundle.size(),
              rounds, *std::min_element(ratios.begin(), ratios.end()),
              *std::max_element(ratios.begin(), ratios.end()));
  PrintResult(name, Median(ours), Median(baseline), "s");
  PrintResult(name + "_cpu", Median(our_cpu), Median(baseline_cpu), "s");
  PrintResult(name + "_memory", peak - idle, kMemoryAim, "MiB");
  PrintResult(name + "_cancel", cancel, kCancelAim, "s");
  return absl::OkStatus();
}

// Imports the package and publishes it to a directory; the tarball there.
absl::Status Pack(const fs::path& deb, const fs::path& bundle) {
  BANGER_ASSIGN_OR_RETURN(const TempDir dir, TempDir::Create());
  BANGER_ASSIGN_OR_RETURN(Kerneld kerneld, Kerneld::Start(dir.path() / "banger", ""));
  BANGER_RETURN_IF_ERROR(kerneld.Import(deb));
  const fs::path web = dir.path() / "web";
  BANGER_RETURN_IF_ERROR(MakeDirectories(web));
  BANGER_RETURN_IF_ERROR(
      WriteFileAtomically(dir.path() / "catalog.json", R"({"version": 1, "entries": []})"));
  http::HttpServer server([&web](const auto& request, auto& client) {
    const auto content = ReadFile(web / request.target.substr(1), kMaxBundle);
    client.Send(http::Response(content.ok() ? "200 OK" : "404 Not Found", {}, content.value_or("")));
  });
  BANGER_RETURN_IF_ERROR(
      RunCommandOk({.argv = {BANGER_SOURCE_DIR "/scripts/publish-kernel.sh", "--directory", web, "--catalog",
                             dir.path() / "catalog.json", "k"},
                    .env = std::vector<std::string>{"PATH=/usr/bin:/bin", "BASE_URL=" + server.Url(""),
                                                    "BANGER_KERNELS_DIR=" + kerneld.kernels().string()}})
          .status());
  for (const fs::directory_entry& file : fs::directory_iterator(web))
    BANGER_RETURN_IF_ERROR(CloneFile(file.path(), bundle, 0644));
  return absl::OkStatus();
}

absl::Status Run(const std::vector<std::string>& arguments) {
  int rounds = 0;
  if (arguments.size() == 3 && arguments[0] == "pack") return Pack(arguments[1], arguments[2]);
  if (arguments.size() < 3 || arguments[0] != "measure" || !absl::SimpleAtoi(arguments[1], &rounds) ||
      rounds < 1)
    return absl::InvalidArgumentError("usage: pack DEB BUNDLE | measure ROUNDS BUNDLE...");
  for (std::size_t i = 2; i < arguments.size(); ++i) BANGER_RETURN_IF_ERROR(Measure(arguments[i], rounds));
  return absl::OkStatus();
}

}  // namespace
}  // namespace banger

int main(int argc, char** argv) {
  const absl::Status status = banger::Run({argv + 1, argv + argc});
  if (!status.ok()) std::fprintf(stderr, "kernel_pull_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
