#include "tests/e2e/daemon_figures.h"

#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "banger/system/v1/daemon_service.grpc.pb.h"
#include "common/os/file.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/status_macros.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<int> PidOf(const fs::path& socket) {
  const auto stub = system::v1::DaemonService::NewStub(rpc::ConnectDaemon(socket));
  rpc::ClientCall call("", std::chrono::seconds(10));
  call.context()->set_wait_for_ready(true);
  system::v1::GetDaemonResponse response;
  BANGER_RETURN_IF_ERROR(rpc::FromGrpc(stub->GetDaemon(call.context(), {}, &response)));
  return response.daemon().pid();
}

absl::StatusOr<double> PrivateMib(const fs::path& process) {
  BANGER_ASSIGN_OR_RETURN(const std::string rollup, ReadFile(process / "smaps_rollup"));
  double kib = 0;
  for (const absl::string_view line : absl::StrSplit(rollup, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    double value = 0;
    if (words.size() == 3 && absl::StartsWith(words[0], "Private_") && absl::SimpleAtod(words[1], &value))
      kib += value;
  }
  return kib / 1024;
}

int Entries(const fs::path& directory) {
  std::error_code error;
  return static_cast<int>(std::distance(fs::directory_iterator(directory, error), fs::directory_iterator()));
}

}  // namespace

absl::StatusOr<DaemonFigures> FiguresOf(const Instance& instance, const std::string& daemon) {
  DaemonFigures figures;
  BANGER_ASSIGN_OR_RETURN(figures.pid, PidOf(instance.root() / (daemon == "netd" ? "netd" : "run") /
                                             absl::StrCat(daemon, ".sock")));
  const fs::path process = absl::StrCat("/proc/", figures.pid);
  BANGER_ASSIGN_OR_RETURN(figures.private_mib, PrivateMib(process));
  figures.descriptors = Entries(process / "fd");
  figures.threads = Entries(process / "task");
  return figures;
}

}  // namespace banger::e2e
