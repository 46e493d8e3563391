#include "tests/e2e/agent_bomb.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::e2e {
namespace fs = std::filesystem;
namespace {

constexpr int kPort = 4711;
constexpr int kConnectTimeoutMs = 1'000;
constexpr int kDeathTimeoutMs = 20'000;

constexpr char kSocketUnit[] = R"([Unit]
DefaultDependencies=no
[Socket]
ListenStream=4711
Accept=yes
)";

// The connection ends with the service, so whoever made it sees when it is done.
constexpr char kServiceUnit[] = R"([Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh -c 'for p in /proc/[0-9]*; do grep -qz ^--serve$ $p/cmdline && kill -9 $${p#/proc/}; done'
)";

bool KillAgentAt(in_addr address) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in guest{};
  guest.sin_family = AF_INET;
  guest.sin_port = htons(kPort);
  guest.sin_addr = address;
  ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&guest), sizeof guest);
  pollfd waiting{fd.get(), POLLOUT, 0};
  if (::poll(&waiting, 1, kConnectTimeoutMs) != 1 || (waiting.revents & POLLERR) != 0) return false;
  waiting.events = POLLIN;
  return ::poll(&waiting, 1, kDeathTimeoutMs) == 1;
}

}  // namespace

absl::Status ImportArmedImage(const Instance& instance, const std::string& name) {
  const fs::path work = instance.root() / "armed";
  const fs::path units = work / "tree/etc/systemd/system";
  const fs::path tar = work / "image.tar";
  BANGER_RETURN_IF_ERROR(MakeDirectories(units / "sockets.target.wants", 0755));
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(units / "bomb.socket", kSocketUnit, 0644));
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(units / "bomb@.service", kServiceUnit, 0644));
  fs::create_symlink("../bomb.socket", units / "sockets.target.wants/bomb.socket");
  fs::copy_file(Assets() / "systemd.tar", tar);
  std::vector<std::string> append = {"tar", "--owner=0", "--group=0", "-rf", tar, "-C", work / "tree"};
  for (const char* file : {"bomb.socket", "bomb@.service", "sockets.target.wants/bomb.socket"})
    append.push_back(absl::StrCat("./etc/systemd/system/", file));
  BANGER_RETURN_IF_ERROR(RunCommandOk({.argv = append}).status());
  const CommandResult imported =
      instance.Banger({"image", "import", name, "--from", tar, "--kernel-ref", "debian-6.1"});
  BANGER_RETURN_IF_ERROR(RemoveTree(work));
  return imported.status.success() ? absl::OkStatus() : absl::InternalError(imported.err);
}

int KillAgents() {
  int killed = 0;
  std::error_code error;
  for (const auto& link : fs::directory_iterator("/sys/class/net", error)) {
    // "bgr-ac1e0002" is the tap of 172.30.0.2.
    const std::string tap = link.path().filename();
    std::uint32_t address = 0;
    if (absl::StartsWith(tap, "bgr-") && absl::SimpleHexAtoi(tap.substr(4), &address))
      killed += KillAgentAt({htonl(address)}) ? 1 : 0;
  }
  return killed;
}

}  // namespace banger::e2e
