// Listing with many VMs in the store against listing with few: `banger vm list`,
// and a call of the API through the gateway.
//
//   list_bench [ROWS] [ROUNDS]      prints RESULT lines, 99th percentiles
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/sqlite_store.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

using std::chrono::steady_clock;

constexpr int kFew = 10;

// A banger with so many stopped VMs.
absl::StatusOr<Instance> StartWith(int rows) {
  BANGER_ASSIGN_OR_RETURN(Instance instance, Instance::Start({.netd = false}));
  BANGER_RETURN_IF_ERROR(instance.StopDaemon("vmd").status());
  {
    BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<vmd::SqliteStore> store,
                            vmd::SqliteStore::Open(instance.root() / "state" / "vmd.sqlite3"));
    for (int i = 0; i < rows; ++i) {
      vmd::Vm vm{.uid = absl::StrFormat("%012x", i), .name = absl::StrCat("vm-", i)};
      vm.state = vmd::VmState::kStopped;
      vm.image = "mini";
      vm.exec.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
      vm.sizes = {
          .vcpu = 2, .memory_mib = 2048, .disk_size_bytes = 8ll << 30, .rootfs_size_bytes = 8ll << 30};
      vm.create_time = vmd::Time(std::chrono::seconds(1'700'000'000 + i));
      BANGER_RETURN_IF_ERROR(store->Insert(vm));
    }
  }
  BANGER_RETURN_IF_ERROR(instance.StartDaemon("vmd"));
  return instance;
}

struct Times {
  std::vector<double> seconds;
  double Percentile(int percent) {
    std::sort(seconds.begin(), seconds.end());
    return seconds[std::min(seconds.size() - 1, seconds.size() * static_cast<std::size_t>(percent) / 100)];
  }
};

absl::Status Time(const std::function<absl::Status()>& work, Times& times) {
  const auto begin = steady_clock::now();
  BANGER_RETURN_IF_ERROR(work());
  times.seconds.push_back(std::chrono::duration<double>(steady_clock::now() - begin).count());
  return absl::OkStatus();
}

absl::Status Compare(const std::string& name, int rounds, const std::function<absl::Status()>& many,
                     const std::function<absl::Status()>& few) {
  Times ours;
  Times baseline;
  for (int i = 0; i < rounds; ++i) {
    BANGER_RETURN_IF_ERROR(Time(many, ours));
    BANGER_RETURN_IF_ERROR(Time(few, baseline));
  }
  for (const int percent : {50, 99})
    std::printf("RESULT %s_p%d %.5f %.5f %.2f s\n", name.c_str(), percent, ours.Percentile(percent),
                baseline.Percentile(percent), ours.Percentile(percent) / baseline.Percentile(percent));
  return absl::OkStatus();
}

absl::Status Call(vm::v1::VmService::Stub& stub, const vm::v1::ListVmsRequest& request) {
  rpc::ClientCall call("", std::chrono::seconds(30));
  vm::v1::ListVmsResponse response;
  return rpc::FromGrpc(stub.ListVms(call.context(), request, &response));
}

absl::Status Bench(int rows, int rounds) {
  BANGER_ASSIGN_OR_RETURN(const Instance many, StartWith(rows));
  BANGER_ASSIGN_OR_RETURN(const Instance few, StartWith(kFew));
  const auto program = [](const Instance& instance, std::vector<std::string> arguments) {
    return [&instance, arguments]() -> absl::Status {
      const CommandResult result = instance.Banger(arguments);
      return result.status.success() ? absl::OkStatus() : absl::InternalError(result.err);
    };
  };
  BANGER_RETURN_IF_ERROR(
      Compare("vm_list", rounds, program(many, {"vm", "list"}), program(few, {"vm", "list"})));
  BANGER_RETURN_IF_ERROR(
      Compare("vm_list_all", rounds / 4, program(many, {"ps", "-aq"}), program(few, {"ps", "-aq"})));
  const auto stub = [](const Instance& instance) {
    return vm::v1::VmService::NewStub(rpc::ConnectDaemon(instance.root() / "run" / "gateway.sock"));
  };
  const auto of_many = stub(many);
  const auto of_few = stub(few);
  for (const auto& [name, up] : {std::pair("api_up", true), {"api_page_of_1000", false}}) {
    vm::v1::ListVmsRequest request;
    request.set_only_up(up);
    request.set_page_size(1000);
    BANGER_RETURN_IF_ERROR(Compare(
        name, rounds, [&] { return Call(*of_many, request); }, [&] { return Call(*of_few, request); }));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace banger::e2e

int main(int argc, char** argv) {
  const int rows = argc > 1 ? std::atoi(argv[1]) : 10'000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 200;
  const absl::Status status = banger::e2e::Bench(rows, rounds);
  if (!status.ok()) std::fprintf(stderr, "list_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
