#include "tests/bench/bare_vmm.h"

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/ext4/ext4_writer.h"
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

}  // namespace

absl::StatusOr<BareVmm> BareVmm::Like(const Instance& instance, const std::string& name,
                                      const std::vector<std::string>& extra) {
  BANGER_ASSIGN_OR_RETURN(const std::string shown, Run(instance, {"vm", "show", name}));
  const auto vm = nlohmann::json::parse(shown);
  BANGER_ASSIGN_OR_RETURN(TempDir dir, TempDir::Create("/tmp"));
  BareVmm bare(std::move(dir));
  BANGER_ASSIGN_OR_RETURN(bare.argv_, BareCommand(vm["pid"].get<int>(), bare.dir()));
  for (const std::string& word : extra)
    bare.argv_.push_back(absl::StrReplaceAll(word, {{"DIR", bare.dir().string()}}));
  bare.upper_bytes_ = std::atoll(vm["rootfs_size_bytes"].get<std::string>().c_str());
  bare.work_bytes_ = std::atoll(vm["disk_size_bytes"].get<std::string>().c_str());
  return bare;
}

absl::StatusOr<BareVmm::Running> BareVmm::Boot() const {
  const std::filesystem::path socket = dir() / "agent.sock";
  for (const char* name : {"upper", "work", "agent.sock"}) std::filesystem::remove(dir() / name);
  BANGER_RETURN_IF_ERROR(MakeEmptyExt4(dir() / "upper", {.size_bytes = upper_bytes_}));
  BANGER_RETURN_IF_ERROR(MakeEmptyExt4(dir() / "work", {.size_bytes = work_bytes_}));
  const Clock::time_point start = Clock::now();
  BANGER_ASSIGN_OR_RETURN(Subprocess vmm, Subprocess::Start({.argv = argv_}));
  if (!Eventually([&] { return std::filesystem::exists(socket); }))
    return absl::InternalError("the bare VMM made no socket");
  BANGER_ASSIGN_OR_RETURN(auto link, guestlink::HostLink::Connect(socket, start + 60s, {}));
  auto channel = grpc::CreateInsecureChannelFromFd("guest", link->TakeStream().Release());
  grpc::ClientContext context;
  guest::v1::GetStatusResponse answer;
  const grpc::Status status = guest::v1::GuestService::NewStub(channel)->GetStatus(&context, {}, &answer);
  if (!status.ok()) return absl::InternalError(status.error_message());
  return Running{std::move(vmm), std::move(link), std::move(channel), Seconds(Clock::now() - start)};
}

}  // namespace banger::e2e
