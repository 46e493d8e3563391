// `banger vm cp` of one large file and of many small ones, both ways, against
// `tar | socat` over the same kind of channel: a virtio-serial port of its own in a
// bare VMM, tar at both ends and nothing between. In turns.
//
//   copy_bench [ROUNDS]      prints RESULT lines in MB/s; ours above the baseline is good
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/os/unix_socket.h"
#include "common/status/status_macros.h"
#include "tests/bench/bare_vmm.h"
#include "tests/bench/vm_timing.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
namespace guest_v1 = banger::guest::v1;

constexpr double kMegabyte = 1e6;
// $port is the channel.
constexpr char kFindPort[] =
    "set -e; port=/dev/$(basename $(dirname $(grep -lx bench /sys/class/virtio-ports/*/name))); ";

struct Tree {
  std::string name;
  double bytes;
};

absl::StatusOr<std::vector<Tree>> MakeTrees(const fs::path& dir) {
  std::mt19937_64 random(1);
  std::string bytes(std::size_t{128} << 20, '\0');
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    const std::uint64_t value = random();
    std::memcpy(bytes.data() + i, &value, sizeof value);
  }
  BANGER_RETURN_IF_ERROR(MakeDirectories(dir / "large", 0755));
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(dir / "large/file", bytes));
  constexpr int kFiles = 2000;
  constexpr std::size_t kSize = 4000;
  for (int i = 0; i < kFiles; ++i) {
    const fs::path file = dir / "small" / absl::StrCat(i / 100) / absl::StrCat(i);
    BANGER_RETURN_IF_ERROR(MakeDirectories(file.parent_path(), 0755));
    BANGER_RETURN_IF_ERROR(WriteFileAtomically(
        file, absl::string_view(bytes).substr(static_cast<std::size_t>(i) * 4096, kSize)));
  }
  return std::vector<Tree>{{"large", static_cast<double>(bytes.size())}, {"small", kFiles * double{kSize}}};
}

absl::Status RunInGuest(const std::shared_ptr<grpc::Channel>& agent, const std::string& script) {
  grpc::ClientContext context;
  const auto stream = guest_v1::GuestService::NewStub(agent)->Exec(&context);
  guest_v1::ExecRequest request;
  auto* command = request.mutable_input()->mutable_command();
  for (const std::string& word : {std::string("sh"), std::string("-c"), kFindPort + script})
    command->add_argv(word);
  stream->Write(request);
  int code = -1;
  std::string output;
  for (guest_v1::ExecResponse response; stream->Read(&response);) {
    output += response.output().stderr();
    if (response.output().has_exited()) code = response.output().exited().exit_code();
  }
  if (!stream->Finish().ok() || code != 0)
    return absl::InternalError(absl::StrCat("in the bare guest: ", output));
  return absl::OkStatus();
}

// tar here, joined to the guest's end, while the script runs there.
absl::StatusOr<double> Bare(const BareVmm& bare, const BareVmm::Running& guest, bool out,
                            const std::string& tar_arguments, const fs::path& here,
                            const std::string& script) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd channel, ConnectUnix(bare.dir() / "bench.sock"));
  const Clock::time_point start = Clock::now();
  BANGER_ASSIGN_OR_RETURN(
      Subprocess tar,
      Subprocess::Start({.argv = {"tar", tar_arguments, "-C", here.string(), out ? "-f-" : "."},
                         .stdin_fd = out ? channel.get() : -1,
                         .stdout_fd = out ? -1 : channel.get()}));
  BANGER_RETURN_IF_ERROR(RunInGuest(guest.agent, script));
  BANGER_ASSIGN_OR_RETURN(const ExitStatus ended, tar.Wait());
  if (!ended.success()) return absl::InternalError("tar failed here");
  return Seconds(Clock::now() - start);
}

absl::StatusOr<double> Ours(const Instance& instance, const std::string& from, const std::string& to) {
  const Clock::time_point start = Clock::now();
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "cp", from, to}).status());
  return Seconds(Clock::now() - start);
}

struct Setup {
  const Instance& instance;
  const BareVmm& bare;
  const BareVmm::Running& guest;
  fs::path dir;
};

absl::Status CompareIn(const Setup& setup, const Tree& tree, int rounds) {
  Pairs pairs;
  const fs::path from = setup.dir / tree.name;
  for (int i = 0; i < rounds; ++i) {
    const std::string clean = absl::StrCat("rm -rf /root/", tree.name, "; sync; mkdir /root/", tree.name);
    BANGER_RETURN_IF_ERROR(Run(setup.instance, {"vm", "exec", "model", "--", "sh", "-c", clean}).status());
    BANGER_RETURN_IF_ERROR(RunInGuest(setup.guest.agent, clean));
    BANGER_ASSIGN_OR_RETURN(const double ours,
                            Ours(setup.instance, from.string() + "/.", "model:" + tree.name));
    BANGER_ASSIGN_OR_RETURN(const double theirs,
                            Bare(setup.bare, setup.guest, false, "-c", from,
                                 absl::StrCat("tar -x -C /root/", tree.name, " < $port")));
    pairs.Add(tree.bytes / kMegabyte / ours, tree.bytes / kMegabyte / theirs);
  }
  pairs.Print(absl::StrCat("cp_in_", tree.name), "MB/s");
  return absl::OkStatus();
}

absl::Status CompareOut(const Setup& setup, const Tree& tree, int rounds) {
  Pairs pairs;
  for (int i = 0; i < rounds; ++i) {
    const fs::path to = setup.dir / "out";
    for (const char* who : {"ours", "theirs"}) {
      BANGER_RETURN_IF_ERROR(RemoveTree(to / who));
      BANGER_RETURN_IF_ERROR(MakeDirectories(to / who, 0755));
    }
    BANGER_ASSIGN_OR_RETURN(const double ours, Ours(setup.instance, absl::StrCat("model:", tree.name, "/."),
                                                    (to / "ours").string()));
    BANGER_ASSIGN_OR_RETURN(const double theirs,
                            Bare(setup.bare, setup.guest, true, "-x", to / "theirs",
                                 absl::StrCat("tar -c -C /root/", tree.name, " . > $port")));
    BANGER_RETURN_IF_ERROR(
        RunCommandOk({.argv = {"diff", "-r", (to / "ours").string(), (to / "theirs").string()}}).status());
    pairs.Add(tree.bytes / kMegabyte / ours, tree.bytes / kMegabyte / theirs);
  }
  pairs.Print(absl::StrCat("cp_out_", tree.name), "MB/s");
  return absl::OkStatus();
}

absl::Status Bench(int rounds) {
  BANGER_ASSIGN_OR_RETURN(
      const Instance instance,
      Instance::Start({.netd = false, .config = "[vm_defaults]\nvcpu = 1\nmemory_mib = 768\n"}));
  BANGER_RETURN_IF_ERROR(instance.ImportKernel());
  BANGER_RETURN_IF_ERROR(instance.ImportImage("minbase"));
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "create", "--name", "model", "--image", "minbase"}).status());
  BANGER_ASSIGN_OR_RETURN(
      const BareVmm bare,
      BareVmm::Like(instance, "model",
                    {"-chardev", "socket,id=bench,path=DIR/bench.sock,server=on,wait=off", "-device",
                     "virtserialport,chardev=bench,name=bench,bus=serial.0,nr=2"}));
  BANGER_ASSIGN_OR_RETURN(const BareVmm::Running guest, bare.Boot());
  BANGER_ASSIGN_OR_RETURN(const TempDir dir, TempDir::Create());
  BANGER_ASSIGN_OR_RETURN(const std::vector<Tree> trees, MakeTrees(dir.path()));
  const Setup setup{instance, bare, guest, dir.path()};
  for (const Tree& tree : trees) {
    BANGER_RETURN_IF_ERROR(CompareIn(setup, tree, rounds));
    BANGER_RETURN_IF_ERROR(CompareOut(setup, tree, rounds));
  }
  return Run(instance, {"vm", "delete", "--force", "model"}).status();
}

}  // namespace
}  // namespace banger::e2e

int main(int argc, char** argv) {
  const absl::Status status = banger::e2e::Bench(argc > 1 ? std::atoi(argv[1]) : 7);
  if (!status.ok()) std::fprintf(stderr, "copy_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
