// How much banger adds to a boot: `banger vm create` until it returns (the agent
// has answered), against the bare VMM with the same kernel, command line and
// equally fresh disks until its agent answers. In turns, so that both see the
// same machine.
//
//   create_bench [ROUNDS]      prints RESULT lines for mini and for Debian
#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/ext4/ext4_writer.h"
#include "common/guestlink/host_link.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "tests/bench/vm_timing.h"

namespace banger::e2e {
namespace {

using namespace std::chrono_literals;

// The command line of a VM's VMM, with what only vmd can give replaced: the QMP
// socket is left out, the agent's is a path, and the guest starts at once.
absl::StatusOr<std::vector<std::string>> BareCommand(int pid, const std::filesystem::path& dir) {
  BANGER_ASSIGN_OR_RETURN(const std::string line, ReadFile(absl::StrCat("/proc/", pid, "/cmdline")));
  std::vector<std::string> argv = absl::StrSplit(absl::string_view(line).substr(0, line.size() - 1), '\0');
  std::erase(argv, "-S");
  for (std::string& word : argv) {
    if (word.starts_with("socket,id=qmp,")) word = "null,id=qmp";
    if (word.starts_with("socket,id=agent,"))
      word = absl::StrCat("socket,id=agent,path=", (dir / "agent.sock").string(), ",server=on,wait=off");
    if (word.starts_with("file,id=console,")) word = "null,id=console";
    for (const char* disk : {"upper", "work"}) {
      if (!absl::StrContains(word, absl::StrCat("\"", disk, "\""))) continue;
      auto node = nlohmann::json::parse(word);
      node["file"]["filename"] = (dir / disk).string();
      word = node.dump();
    }
  }
  return argv;
}

struct Bare {
  std::vector<std::string> argv;
  std::filesystem::path dir;
  std::int64_t upper_bytes = 0;
  std::int64_t work_bytes = 0;
};

absl::StatusOr<double> TimeBare(const Bare& bare) {
  for (const char* name : {"upper", "work", "agent.sock"}) std::filesystem::remove(bare.dir / name);
  BANGER_RETURN_IF_ERROR(MakeEmptyExt4(bare.dir / "upper", {.size_bytes = bare.upper_bytes}));
  BANGER_RETURN_IF_ERROR(MakeEmptyExt4(bare.dir / "work", {.size_bytes = bare.work_bytes}));
  const Clock::time_point start = Clock::now();
  BANGER_ASSIGN_OR_RETURN(const Subprocess vmm, Subprocess::Start({.argv = bare.argv}));
  if (!Eventually([&] { return std::filesystem::exists(bare.dir / "agent.sock"); }))
    return absl::InternalError("the bare VMM made no socket");
  BANGER_ASSIGN_OR_RETURN(const auto link,
                          guestlink::HostLink::Connect(bare.dir / "agent.sock", start + 60s, {}));
  const auto channel = grpc::CreateInsecureChannelFromFd("guest", link->TakeStream().Release());
  grpc::ClientContext context;
  guest::v1::GetStatusResponse answer;
  const grpc::Status status = guest::v1::GuestService::NewStub(channel)->GetStatus(&context, {}, &answer);
  if (!status.ok()) return absl::InternalError(status.error_message());
  return Seconds(Clock::now() - start);
}

absl::Status Compare(const Instance& instance, const std::string& image, int rounds) {
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "create", "--name", "model", "--image", image}).status());
  BANGER_ASSIGN_OR_RETURN(const std::string shown, Run(instance, {"vm", "show", "model"}));
  const auto vm = nlohmann::json::parse(shown);
  BANGER_ASSIGN_OR_RETURN(const TempDir dir, TempDir::Create("/tmp"));
  Bare bare{.dir = dir.path()};
  BANGER_ASSIGN_OR_RETURN(bare.argv, BareCommand(vm["pid"].get<int>(), dir.path()));
  bare.upper_bytes = std::atoll(vm["rootfs_size_bytes"].get<std::string>().c_str());
  bare.work_bytes = std::atoll(vm["disk_size_bytes"].get<std::string>().c_str());
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "stop", "model"}).status());

  Pairs pairs;
  for (int i = 0; i < rounds; ++i) {
    BANGER_ASSIGN_OR_RETURN(const double created, TimeCreate(instance, image));
    BANGER_ASSIGN_OR_RETURN(const double booted, TimeBare(bare));
    pairs.Add(created, booted);
  }
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "delete", "--force", "model"}).status());
  pairs.Print(absl::StrCat("create_", image));
  return absl::OkStatus();
}

absl::Status Bench(int rounds) {
  BANGER_ASSIGN_OR_RETURN(
      const Instance instance,
      Instance::Start({.netd = false, .config = "[vm_defaults]\nvcpu = 1\nmemory_mib = 512\n"}));
  BANGER_RETURN_IF_ERROR(instance.ImportKernel());
  for (const char* image : {"minbase", "systemd"}) BANGER_RETURN_IF_ERROR(instance.ImportImage(image));
  for (const char* image : {"mini", "minbase", "systemd"})
    BANGER_RETURN_IF_ERROR(Compare(instance, image, rounds));
  return absl::OkStatus();
}

}  // namespace
}  // namespace banger::e2e

int main(int argc, char** argv) {
  const absl::Status status = banger::e2e::Bench(argc > 1 ? std::atoi(argv[1]) : 11);
  if (!status.ok()) std::fprintf(stderr, "create_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
