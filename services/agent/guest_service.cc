#include "services/agent/guest_service.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/rpc/server_call.h"
#include "common/status/utf8.h"
#include "common/version/version.h"
#include "services/agent/adapters/guest_setup.h"
#include "services/agent/adapters/guest_stats.h"
#include "services/agent/adapters/listeners.h"
#include "services/agent/configure.h"
#include "services/agent/dial_call.h"
#include "services/agent/errors.h"
#include "services/agent/exec_call.h"
#include "services/agent/tree_call.h"

namespace banger::agent {
namespace v1 = guest::v1;
namespace {

// The agent is PID 1 where the image has no init that could be.
bool HasOwnInit() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/1/exe", error).filename() != "banger-agent";
}

}  // namespace

grpc::ServerUnaryReactor* GuestService::GetStatus(grpc::CallbackServerContext* context,
                                                  const v1::GetStatusRequest*,
                                                  v1::GetStatusResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [](const rpc::Call&) -> absl::StatusOr<v1::GetStatusResponse> {
                      v1::GetStatusResponse status;
                      status.set_agent_version(GetBuildInfo().version);
                      utsname kernel{};
                      if (::uname(&kernel) == 0) status.set_kernel_version(kernel.release);
                      const auto boot_id = ReadFile("/proc/sys/kernel/random/boot_id", 4096);
                      if (boot_id.ok()) status.set_boot_id(std::string(absl::StripAsciiWhitespace(*boot_id)));
                      status.set_has_own_init(HasOwnInit());
                      return status;
                    });
}

grpc::ServerUnaryReactor* GuestService::GetStats(grpc::CallbackServerContext* context,
                                                 const v1::GetStatsRequest*, v1::GetStatsResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [](const rpc::Call&) -> absl::StatusOr<v1::GetStatsResponse> {
                      const GuestStats stats = ReadGuestStats();
                      v1::GetStatsResponse proto;
                      proto.set_memory_total_bytes(stats.memory_total_bytes);
                      proto.set_memory_available_bytes(stats.memory_available_bytes);
                      proto.set_load(stats.load);
                      proto.set_rootfs_used_bytes(stats.rootfs.used_bytes);
                      proto.set_rootfs_size_bytes(stats.rootfs.size_bytes);
                      proto.set_home_used_bytes(stats.home.used_bytes);
                      proto.set_home_size_bytes(stats.home.size_bytes);
                      return proto;
                    });
}

grpc::ServerUnaryReactor* GuestService::Configure(grpc::CallbackServerContext* context,
                                                  const v1::ConfigureRequest* request,
                                                  v1::ConfigureResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call&) -> absl::StatusOr<v1::ConfigureResponse> {
                      v1::ConfigureResponse done = agent::Configure(*request);
                      ExecDefaults image = ReadExecDefaults(request->exec_defaults(), done);
                      MutexLock lock(mutex_);
                      image_ = std::move(image);
                      return done;
                    });
}

grpc::ServerBidiReactor<v1::ExecRequest, v1::ExecResponse>* GuestService::Exec(
    grpc::CallbackServerContext* context) {
  return rpc::BidiStream<v1::ExecRequest, v1::ExecResponse>(
      workers_, context,
      [this](const rpc::Call& call, ExecStream& stream) { return RunExec(call.stop, image(), stream); });
}

grpc::ServerBidiReactor<v1::DialRequest, v1::DialResponse>* GuestService::Dial(
    grpc::CallbackServerContext* context) {
  return rpc::BidiStream<v1::DialRequest, v1::DialResponse>(
      workers_, context,
      [](const rpc::Call& call, DialStream& stream) { return RunDial(call.stop, stream); });
}

grpc::ServerUnaryReactor* GuestService::GetListeners(grpc::CallbackServerContext* context,
                                                     const v1::GetListenersRequest*,
                                                     v1::GetListenersResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [](const rpc::Call&) -> absl::StatusOr<v1::GetListenersResponse> {
                      v1::GetListenersResponse found;
                      for (const Listener& listener : FindListeners()) {
                        v1::Listener& proto = *found.add_listeners();
                        proto.set_datagrams(listener.datagrams);
                        proto.set_address(listener.address);
                        proto.set_port(listener.port);
                        proto.set_pid(listener.pid);
                        // A process calls itself what it likes.
                        proto.set_process(ValidUtf8(listener.process));
                      }
                      return found;
                    });
}

grpc::ServerWriteReactor<v1::ReadTreeResponse>* GuestService::ReadTree(grpc::CallbackServerContext* context,
                                                                       const v1::ReadTreeRequest* request) {
  return rpc::ServerStream<v1::ReadTreeResponse>(workers_, context,
                                                 [request](const rpc::Call& call, ReadTreeWriter& out) {
                                                   return RunReadTree(call.stop, request->source(), out);
                                                 });
}

grpc::ServerBidiReactor<v1::WriteTreeRequest, v1::WriteTreeResponse>* GuestService::WriteTree(
    grpc::CallbackServerContext* context) {
  return rpc::BidiStream<v1::WriteTreeRequest, v1::WriteTreeResponse>(
      workers_, context,
      [](const rpc::Call& call, WriteTreeStream& stream) { return RunWriteTree(call.stop, stream); });
}

grpc::ServerUnaryReactor* GuestService::Sync(grpc::CallbackServerContext* context, const v1::SyncRequest*,
                                             v1::SyncResponse* response) {
  return rpc::Unary(workers_, context, response, [](const rpc::Call&) -> absl::StatusOr<v1::SyncResponse> {
    ::sync();
    return v1::SyncResponse();
  });
}

grpc::ServerUnaryReactor* GuestService::PowerOff(grpc::CallbackServerContext* context,
                                                 const v1::PowerOffRequest*, v1::PowerOffResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [](const rpc::Call&) -> absl::StatusOr<v1::PowerOffResponse> {
                      const absl::Status status = agent::PowerOff();
                      if (!status.ok()) return PowerOffFailed(status);
                      return v1::PowerOffResponse();
                    });
}

ExecDefaults GuestService::image() const {
  MutexLock lock(mutex_);
  return image_;
}

}  // namespace banger::agent
