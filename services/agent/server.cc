#include "services/agent/server.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/guestlink/guest_listener.h"
#include "common/guestlink/guest_port.h"
#include "common/guestlink/vsock.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/rpc/error_mapping.h"
#include "common/rpc/wakeful_pollers.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/agent/guest_service.h"
#include "services/agent/young_clock.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

// Each running exec takes one.
constexpr std::size_t kWorkers = 256;
constexpr auto kLastAnswers = 200ms;

std::string FindPort() {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/sys/class/virtio-ports", error)) {
    const absl::StatusOr<std::string> name = ReadFile(entry.path() / "name", 4096);
    if (name.ok() && absl::StripAsciiWhitespace(*name) == kPortName)
      return absl::StrCat("/dev/", entry.path().filename().string());
  }
  return "";
}

// A device that the driver has taken: the driver alone says nothing of the machine.
bool HasVsock() {
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator("/sys/bus/virtio/drivers/vmw_vsock_virtio_transport", error))
    if (entry.path().filename().string().starts_with("virtio")) return true;
  return false;
}

// One of them is the machine's way to the host.
struct Way {
  UniqueFd port;
  UniqueFd vsock;
};

// The driver may be a module that is still loading, and an agent that died may
// still have the port for a moment.
absl::StatusOr<Way> FindWay() {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  absl::Status last = absl::NotFoundError(
      absl::StrCat("this machine has no virtio-serial port named '", kPortName, "' and no vsock"));
  while (std::chrono::steady_clock::now() < deadline) {
    absl::StatusOr<UniqueFd> found = absl::NotFoundError("");
    const std::string path = FindPort();
    if (!path.empty()) {
      found = OpenFile(path, O_RDWR | O_NONBLOCK);
      if (found.ok()) return Way{.port = *std::move(found)};
      last = found.status();
    } else if (HasVsock()) {
      found = guestlink::ListenVsock(guestlink::kAgentVsockPort);
      if (found.ok()) return Way{.vsock = *std::move(found)};
      last = found.status();
    }
    std::this_thread::sleep_for(2ms);
  }
  return last;
}

// Answers the host until destroyed.
struct Door {
  std::unique_ptr<guestlink::GuestPort> port;
  std::unique_ptr<guestlink::GuestListener> vsock;
};

absl::StatusOr<Door> OpenDoor(Way way, const guestlink::GuestPort::OnSession& on_session) {
  Door door;
  if (way.vsock.valid()) {
    BANGER_ASSIGN_OR_RETURN(door.vsock, guestlink::GuestListener::Start(std::move(way.vsock), on_session));
  } else {
    BANGER_ASSIGN_OR_RETURN(door.port, guestlink::GuestPort::Start(std::move(way.port), on_session));
  }
  return door;
}

// A poll on it tells of SIGTERM: the machine goes down. Calls that are nearly
// done, that of PowerOff itself among them, still get their answer.
absl::StatusOr<UniqueFd> WatchForTermination() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, "watch for SIGTERM");
  return fd;
}

}  // namespace

absl::Status Serve() {
  rpc::SetErrorDomain("agent");
  ::signal(SIGPIPE, SIG_IGN);
  // Before there are threads, so that all of them have it blocked.
  BANGER_ASSIGN_OR_RETURN(const UniqueFd termination, WatchForTermination());
  BANGER_ASSIGN_OR_RETURN(Way way, FindWay());
  WorkerPool workers(kWorkers, kWorkers);
  GuestService service(workers);
  grpc::ServerBuilder builder;
  // The host asks whether we are alive as often as it likes.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> server;
  {
    const YoungClock clock;
    server = builder.BuildAndStart();
  }
  if (server == nullptr) return absl::InternalError("start the gRPC server");
  const rpc::WakefulPollers pollers;
  BANGER_ASSIGN_OR_RETURN(const Door door, OpenDoor(std::move(way), [&server](UniqueFd stream) {
                            grpc::AddInsecureChannelFromFd(server.get(), stream.Release());
                          }));
  signalfd_siginfo signal{};
  BANGER_RETURN_IF_ERROR(
      ReadFully(termination.get(), reinterpret_cast<char*>(&signal), sizeof signal).status());
  server->Shutdown(std::chrono::system_clock::now() + kLastAnswers);
  return absl::OkStatus();
}

}  // namespace banger::agent
